"""
Predict with holes
==================

A regressor by the joint density of features and target: one fit predicts from whatever cells a row
has, with intervals that widen as cells go missing, and says what each cell adds.
"""

# %%
# One density of patients and of how their disease progressed
# -----------------------------------------------------------
# Ten measurements and a target. Depth, trees and units are those of the density inside.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

from skpc import EinetDensityEstimator, EinetRegressor

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
train, test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
density = EinetDensityEstimator(components=["trees", "gaussians"])
grid = {
    "density__depth": [None, 1],
    "density__n_replicas": [2, 4],
    "density__n_sums": [4, 8],
}
search = GridSearchCV(EinetRegressor(density, random_state=0), grid, cv=2).fit(train, y_train)
model = search.best_estimator_
print("chosen:", {name.removeprefix("density__"): v for name, v in search.best_params_.items()})
print(f"R2 of test rows: {model.score(test, y_test):.2f}")
assert model.score(test, y_test) > 0.3

# %%
# Fewer cells, wider intervals
# ----------------------------
# Cells of the test rows are taken away at random. Nothing is filled in: they are integrated out.
# Gradient boosting, which was shown whole rows too, sends missing cells where it never learned to.
# Linear regression gets means in their place: this table is nearly linear, and with whole rows it
# predicts best.

models = {
    "EinetRegressor": model,
    "HistGradientBoosting": HistGradientBoostingRegressor(random_state=0).fit(train, y_train),
    "LinearRegression on means": make_pipeline(SimpleImputer(), LinearRegression()).fit(
        train, y_train
    ),
}
shares = np.array([0.0, 0.1, 0.3, 0.5, 0.7, 0.9])
scores, widths, inside = {label: [] for label in models}, [], []
taken = np.random.RandomState(0).uniform(size=test.shape)
for share in shares:
    holed = test.mask(taken < share)
    for label, one in models.items():
        scores[label].append(one.score(holed, y_test))
    low, high = model.predict_interval(holed, coverage=0.9).T
    widths.append((high - low).mean())
    inside.append(((low <= y_test) & (y_test <= high)).mean())
    print(
        f"{share:.0%} missing:", *(f"{label} {found[-1]:.2f}," for label, found in scores.items())
    )
    print(f"    intervals of 90 % are {widths[-1]:.0f} wide and hold {inside[-1]:.0%}")
assert widths[-1] > widths[0]
assert min(inside) > 0.8
assert scores["EinetRegressor"][3] > scores["HistGradientBoosting"][3]

# %%
# What each cell adds
# -------------------
# The mean given all cells of the row less the mean given all but one: two exact predictions.

patient = test.iloc[[0]]
print(model.explain(patient).round(1).to_string(index=False))
without = patient.assign(bmi=np.nan)
added = model.contributions(patient)[0, X.columns.get_loc("bmi")]
assert np.isclose(added, (model.predict(patient) - model.predict(without)).item())

# %%
# The picture
# -----------
# Left: how well all three predict as cells go missing. Right: the density of one patient's target,
# by all cells, and with the two that say most of it unknown. It jumps where the map of the target
# to a normal scale has its knots.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for (label, values), style in zip(scores.items(), ("o-", "s--", "^:"), strict=True):
    left.plot(100 * shares, values, style, label=label)
left.axhline(0, color="grey", linewidth=0.8)
left.set(xlabel="cells of the test rows missing, %", ylabel="R2", title="Diabetes, test rows")
left.set_ylim(bottom=-0.25)
left.legend()
targets = np.linspace(0, 400, 401)
cases = {"all cells": patient, "bmi and s5 missing": patient.assign(bmi=np.nan, s5=np.nan)}
for label, row in cases.items():
    rows = row.loc[row.index.repeat(len(targets))]
    right.plot(targets, np.exp(model.log_predictive_density(rows, targets)), label=label)
right.axvline(y_test.iloc[0], color="grey", linestyle=":", label="what came")
right.set(xlabel="progression of the disease", ylabel="density", title="One patient")
right.legend()
plt.show()
