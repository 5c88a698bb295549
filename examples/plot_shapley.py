"""
Shapley values from exact conditionals
======================================

How much did each known feature move a prediction? Shapley values answer by the expectation of the
target given every subset of the features. Here these expectations are exact, by one call of
``moments``, where explainers estimate them by draws. Run the file with
``python plot_shapley.py --output picture.png``; where the package shapiq is installed, its
exact computer is asked for the same values.
"""

import argparse
from importlib.util import find_spec
from itertools import product
from math import factorial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

from skpc import EinetDensityEstimator

parser = argparse.ArgumentParser(description="Explain predictions by exact conditionals.")
parser.add_argument("--output", default="shapley.png", help="file of the picture")
output = parser.parse_args().output

# %%
# One joint density
# -----------------
# Five measurements of patients and how their disease progressed, all columns of one model.

FEATURES = ["age", "bmi", "bp", "s1", "s5"]
table = load_diabetes(as_frame=True, scaled=False).frame[[*FEATURES, "target"]]
train, test = train_test_split(table, test_size=100, random_state=0)
model = EinetDensityEstimator(random_state=0).fit(train)

# %%
# All subsets at once
# -------------------
# v(S) = E[target | features in S], for all 2^5 subsets of a patient's features: 32 rows with holes.

SUBSETS = np.array(list(product([False, True], repeat=len(FEATURES))))


def holed(row):
    """A patient (6,) with every subset of the features observed and the target hidden, (32, 6)."""
    rows = np.tile(row.astype(float), (len(SUBSETS), 1))
    rows[:, -1] = np.nan
    rows[:, :-1][~SUBSETS] = np.nan
    return pd.DataFrame(rows, columns=train.columns)


def shapley(values):
    """Shapley values (5,) from the value of every subset (32,)."""
    d = len(FEATURES)
    index = {tuple(subset): value for subset, value in zip(SUBSETS, values, strict=True)}
    found = np.zeros(d)
    for subset, value in index.items():
        for j in np.flatnonzero(subset):
            without = list(subset)
            without[j] = False
            others = sum(without)
            weight = factorial(others) * factorial(d - 1 - others) / factorial(d)
            found[j] += weight * (value - index[tuple(without)])
    return found


patient = test.iloc[3].to_numpy()
exact_values = model.moments(holed(patient))[0][:, -1]
exact = shapley(exact_values)
print(f"{'feature':<8}{'value':>8}{'moves the expected target by':>32}")
for name, value, moved in zip(FEATURES, patient[:-1], exact, strict=True):
    print(f"{name:<8}{value:>8.1f}{moved:>32.2f}")

# %%
# They add to the difference between what is expected of this patient and of any patient.

assert np.isclose(exact.sum(), exact_values[-1] - exact_values[0])
print(f"sum {exact.sum():.2f}: from {exact_values[0]:.2f} to {exact_values[-1]:.2f}")

# %%
# Against sampling
# ----------------
# Draws given each subset come from the same model, by ``sample_conditional``: the values that they
# lead to approach the exact ones at the pace of one over the square root of the number of draws.

SIZES = (10, 40, 160, 640)
rows = holed(patient)
errors = []
for n_draws in SIZES:
    of_runs = []
    for seed in range(10):
        draws = model.sample_conditional(rows, n_samples=n_draws, random_state=seed)
        means = draws["target"].to_numpy().reshape(len(rows), n_draws).mean(axis=1)
        of_runs.append(np.abs(shapley(means) - exact).mean())
    errors.append(np.mean(of_runs))
    print(f"{n_draws:>5} draws a subset: mean error {errors[-1]:.2f}")
assert errors[-1] < errors[0] / 4

# %%
# The same values by shapiq
# -------------------------
# Any package that takes a value function can take this one.

if find_spec("shapiq") is not None:
    from shapiq import ExactComputer

    by_subset = {tuple(s): v for s, v in zip(SUBSETS.tolist(), exact_values, strict=True)}

    def game(coalitions):
        """Value of coalitions (n, 5), (n,)."""
        return np.array([by_subset[tuple(c)] for c in np.asarray(coalitions, dtype=bool).tolist()])

    theirs = ExactComputer(n_players=len(FEATURES), game=game)("SV").get_n_order_values(1)
    assert np.allclose(theirs, exact)
    print("shapiq computes the same values.")

# %%
# A picture
# ---------

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
left.barh(FEATURES, exact, color=np.where(exact > 0, "tab:red", "tab:blue"))
left.axvline(0, color="0.3", linewidth=0.8)
left.set(xlabel="moves the expected target by", title="One patient, exact")
right.loglog(SIZES, errors, "o-", color="tab:orange", label="by draws")
expected = errors[0] * np.sqrt(SIZES[0] / np.array(SIZES))
right.loglog(SIZES, expected, "--", color="0.5", label="slope -1/2")
right.set(xlabel="draws a subset", ylabel="mean absolute error", title="Draws approach them")
right.legend()
figure.savefig(output, dpi=150, bbox_inches="tight")
print(f"\nThe picture is in {output}.")
