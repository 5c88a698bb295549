"""
Grid search
===========

Choose depth, units and components of a density by cross-validated log density, behind a scaler in
a pipeline. Scores are in the units of the table that reaches the density.
"""

# %%
# A pipeline
# ----------
# ``score`` is the mean log density of held-out rows, so ``GridSearchCV`` needs no scoring
# argument. The scaler is here to show that it can be; the estimator standardises columns itself
# and does not need one.

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skpc import EinetDensityEstimator

X = load_breast_cancer().data[:, :10]
train, test = train_test_split(X, test_size=0.3, random_state=0)
density = EinetDensityEstimator(n_replicas=4, random_state=0)
pipeline = make_pipeline(StandardScaler(), density)

# %%
# The search
# ----------
# ``depth`` is that of random trees; ``None`` stands for trees that are learned from the table, the
# default. It changes the trees and nothing else: the Gaussians compete in every candidate, so that
# no candidate is a worse kind of model than the default.

grid = {"depth": [None, 0, 1, 2, 3], "n_sums": [5, 10]}


def search_with(components):
    """A fitted search whose candidates are mixtures of these components."""
    named = {f"einetdensityestimator__{name}": values for name, values in grid.items()}
    candidate = clone(pipeline).set_params(einetdensityestimator__components=components)
    return GridSearchCV(candidate, named, cv=3).fit(train)


def value_of(parameters, name):
    """A parameter of the density among those of the pipeline."""
    return parameters[f"einetdensityestimator__{name}"]


# %%
# What a component costs in a search
# ----------------------------------
# The same search with the Gaussians, and with the trees alone: name "trees" where a search shall be
# quick, and the components that you want for the last fit.

searches = {}
for label, components in (("trees and Gaussians", ["trees", "gaussians"]), ("trees", "trees")):
    started = time.perf_counter()
    searches[label] = search = search_with(components)
    seconds = time.perf_counter() - started
    print(f"{label}: {len(search.cv_results_['params'])} candidates in {seconds:.0f} s")
    print(f"{'depth':>8}{'n_sums':>8}{'held out':>10}{'fit, s':>8}")
    for i in np.argsort(-search.cv_results_["mean_test_score"]):
        chosen = search.cv_results_["params"][i]
        score, fit = (search.cv_results_[f"mean_{what}"][i] for what in ("test_score", "fit_time"))
        print(f"{value_of(chosen, 'depth')!s:>8}{value_of(chosen, 'n_sums'):>8}", end="")
        print(f"{score:>10.2f}{fit:>8.2f}")
    print()

both, alone = (searches[label].best_score_ for label in searches)
print(f"The Gaussians add {both - alone:.2f} nats to the best candidate.\n")

# %%
# Units of the score
# ------------------
# The scaler changes the units, so the pipeline's score is that of standardised columns. The log
# of its scales brings it back, and then it equals that of the same model without a scaler, up to
# rounding.

search = searches["trees"]
best = {name: value_of(search.best_params_, name) for name in grid}
unscaled = clone(density).set_params(**best, components="trees").fit(train)
log_volume = np.log(search.best_estimator_[0].scale_).sum()
print(f"test, pipeline:                {search.score(test):8.3f}")
print(f"test, pipeline, units of X:    {search.score(test) - log_volume:8.3f}")
print(f"test, no scaler:               {unscaled.score(test):8.3f}")
assert np.isclose(search.score(test) - log_volume, unscaled.score(test), atol=0.05)

# %%
# What depth does
# ---------------
# Depth 0 is one mixture of independent columns.

figure, axis = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
for label, colour in zip(searches, ("tab:blue", "tab:orange"), strict=True):
    results = searches[label].cv_results_
    for n_sums, style in ((5, "o--"), (10, "s-")):
        scores = [
            score
            for parameters, score in zip(results["params"], results["mean_test_score"], strict=True)
            if value_of(parameters, "n_sums") == n_sums
        ]
        axis.plot(range(5), scores, style, color=colour, label=f"{label}, n_sums={n_sums}")
axis.set_xticks(range(5), ["None\n(learned)", *map(str, grid["depth"][1:])])
axis.set(xlabel="depth", ylabel="held-out log density, nats", title="Breast cancer, 3-fold")
axis.legend()
plt.show()
