"""No query passes the same evidence upward twice through a component.

Axes: n rows, D columns.
"""

from collections import Counter

import numpy as np
import pytest
from helpers.cases import Case, masked, mixed, tiny

from skpc.circuit.components import GaussianComponent, latent_mixture
from skpc.circuit.passes import Circuit


def whole(X):
    """The rows whose first cell is not missing."""
    return X[~np.isnan(X[:, 0])]


# A query, and the sets of evidence that it compares.
QUERIES = {
    "impute": (lambda model, X: model.impute(X), 1),
    "impute, mode": (lambda model, X: model.impute(X, "mode"), 1),
    "moments": (lambda model, X: model.moments(X), 1),
    "moments without evidence": (lambda model, X: model.moments(), 1),
    "sample_conditional": (lambda model, X: model.sample_conditional(X, random_state=0), 1),
    "three draws a row": (lambda model, X: model.sample_conditional(X, 3, random_state=0), 1),
    "score_samples": (lambda model, X: model.score_samples(X), 1),
    "predict_marginal": (lambda model, X: model.predict_marginal(X, [0]), 1),
    "predict_conditional": (lambda model, X: model.predict_conditional(whole(X), [0]), 2),
    "impute, median": (lambda model, X: model.impute(X, "median"), 1),
    "impute, sample": (lambda model, X: model.impute(X, "sample", random_state=0), 1),
    "score_columns": (lambda model, X: model.score_columns(X), 1),
    "predict_quantiles": (lambda model, X: model.predict_quantiles(X, [0, 2], [0.1, 0.9]), 1),
    "cdf": (lambda model, X: model.cdf(X, [0, 2]), 1),
    "sample given a value": (lambda model, X: model.sample(9, random_state=0, given={3: 1}), 1),
}


@pytest.fixture(scope="module")
def fitted():
    """Trees, Gaussians and a latent mixture, and rows with missing cells."""
    case = Case("auto", "cp", "mixed")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("POINTS", 8), ("LEAST_STEPS", 5), ("LEAST_WEIGHT", 0.0)):
            patch.setattr(latent_mixture, name, value)
        model = tiny(components=mixed(2, 1), categorical_features=[3]).fit(case.rows(300))
    assert len(model.component_weights_) == 3
    return model, masked(case.rows(40, seed=3), 0.4)


@pytest.fixture
def passes(monkeypatch):
    """Upward passes by the circuit that they go through."""
    counts: Counter = Counter()

    def counted(owner, name, circuit_of):
        original = getattr(owner, name)

        def count(self, *arguments, **options):
            counts[id(circuit_of(self))] += 1
            return original(self, *arguments, **options)

        monkeypatch.setattr(owner, name, count)

    counted(Circuit, "forward", lambda circuit: circuit)
    counted(Circuit, "run_compiled", lambda circuit: circuit)
    counted(GaussianComponent, "numbers", lambda component: component.circuit)
    return counts


@pytest.mark.parametrize("name", QUERIES)
def test_each_component_passes_evidence_upward_once(fitted, passes, name):
    (model, X), (query, n_evidence) = fitted, QUERIES[name]
    query(model, X)
    assert sorted(passes.values()) == [n_evidence] * 3, "trees, Gaussians and a latent mixture"
