"""A fit that may predict worse than it could says so and what to do; others are silent."""

import warnings

import numpy as np
import pytest
from sklearn.linear_model import BayesianRidge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler

from skpc import DirectBayesianRegressor, PoorFitWarning

NEW = 2000


def normal(random, n, n_columns=10, noise=0.5):
    x = random.standard_normal((n + NEW, n_columns))
    return x, x @ random.standard_normal(n_columns) + noise * random.standard_normal(n + NEW)


def rare(random, n, share=0.003):
    """Columns that are zero in nearly all rows, and some that are not."""
    x = random.standard_normal((n + NEW, 20))
    x[:, :10] *= random.uniform(size=(n + NEW, 10)) < share
    return x, x @ random.standard_normal(20) + 0.3 * random.standard_normal(n + NEW)


def told(x, y, **parameters):
    """Doubts of a fit, as texts."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        DirectBayesianRegressor(random_state=0, **parameters).fit(x, y)
    assert all(issubclass(one.category, PoorFitWarning) for one in caught)
    assert all(one.filename == __file__ for one in caught)
    return [str(one.message) for one in caught]


def ratio(x, y, n):
    """Error on new rows over that of BayesianRidge."""
    models = [DirectBayesianRegressor(random_state=0), BayesianRidge()]
    ours, theirs = (
        np.sqrt(np.mean((model.fit(x[:n], y[:n]).predict(x[n:]) - y[n:]) ** 2)) for model in models
    )
    return ours / theirs


@pytest.mark.parametrize("n", [50, 200, 1000])
@pytest.mark.parametrize("mapped", [False, True])
def test_plain_tables_are_silent(n, mapped):
    x, y = normal(np.random.RandomState(n), n)
    feature_map = make_pipeline(StandardScaler(), SplineTransformer()) if mapped else None
    assert told(x[:n], y[:n], feature_map=feature_map if n > 50 else None) == []


def test_constant_targets_and_columns_are_silent():
    x, y = normal(np.random.RandomState(0), 100)
    assert told(x, np.full(len(x), 0.1)) == []
    assert told(np.ones((100, 3)), y[:100]) == []


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (lambda r: normal(r, 20 - NEW), r"20 rows for 10 features leave \d+ to learn the noise"),
        (lambda r: normal(r, 300 - NEW, noise=1e-9), "linear function of the features but for"),
        (lambda r: (z := r.standard_t(1.1, (60, 8)), z @ np.ones(8) + r.standard_normal(60)),
         "One or two rows carry half of the features"),
        (lambda r: (z := r.standard_normal((900, 9)) * (r.uniform(size=(900, 9)) < 0.002),
                    z @ np.ones(9) + r.standard_normal(900)),
         "One or two rows carry half of the features"),
    ],
    ids=["few rows", "no noise", "heavy tails", "nearly always zero"],
)  # fmt: skip
def test_doubts_say_what_to_do(table, message):
    x, y = table(np.random.RandomState(0))
    with pytest.warns(PoorFitWarning, match=message) as caught:
        DirectBayesianRegressor(random_state=0).fit(x, y)
    assert any(word in str(caught[0].message) for word in ("Use ", "use ", "Transform "))


def test_coarse_codes_are_a_doubt():
    x, y = normal(np.random.RandomState(0), 200, noise=1e-3)
    options = {"n_bits": 2, "weight_scale": "ridge"}
    assert any("Codes of these n_bits" in text for text in told(x[:200], y[:200], **options))


@pytest.mark.parametrize("noise", [1e-2, 1e-4])
def test_tiny_noise_and_few_rows_are_no_reason_for_coarse_codes(noise):
    """Steps with fine mantissas reach every weight, not only the smallest that reach beyond it."""
    for seed in range(5):
        x, y = normal(np.random.RandomState(seed), 30, noise=noise)
        model = DirectBayesianRegressor(random_state=0)
        with pytest.warns(PoorFitWarning, match="30 rows for 10 features"):
            model.fit(x[:30], y[:30])
        assert model.excess_error_ < 0.011


def test_columns_that_few_rows_carry_are_held_back():
    ratios = [ratio(*rare(np.random.RandomState(seed), 500), 500) for seed in range(12)]
    assert max(ratios) < 1.05
    assert np.exp(np.mean(np.log(ratios))) < 1.01
