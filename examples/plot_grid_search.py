"""
Grid search
===========

Choose depth, units and layer of a circuit by cross-validated log density, behind a scaler in a
pipeline. Scores are in the units of the table that reaches the circuit.
"""

# %%
# A pipeline
# ----------
# ``score`` is the mean log density of held-out rows, so ``GridSearchCV`` needs no scoring
# argument. The scaler is here to show that it can be; the circuit standardises columns itself
# and does not need one.

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skpc import EinetDensityEstimator

X = load_wine().data
train, test = train_test_split(X, test_size=0.3, random_state=0)
circuit = EinetDensityEstimator("random_trees", max_iter=50, random_state=0)
pipeline = make_pipeline(StandardScaler(), circuit)

# %%
# The search
# ----------

grid = {
    "einetdensityestimator__depth": [0, 1, 2, 3, 4],
    "einetdensityestimator__n_sums": [5, 10],
    "einetdensityestimator__layer": ["cp", "tucker"],
}
started = time.perf_counter()
search = GridSearchCV(pipeline, grid, cv=3, return_train_score=True).fit(train)
print(f"{len(search.cv_results_['params'])} candidates in {time.perf_counter() - started:.0f} s\n")


def print_results(results):
    """All candidates, best first."""
    print(f"{'depth':>6}{'n_sums':>8}{'layer':>8}{'train':>9}{'held out':>10}{'fit, s':>8}")
    for i in np.argsort(-results["mean_test_score"]):
        depth, layer, n_sums = (results["params"][i][name] for name in sorted(grid))
        a, b, c = (results[f"mean_{w}"][i] for w in ("train_score", "test_score", "fit_time"))
        print(f"{depth!s:>6}{n_sums:>8}{layer:>8}{a:>9.2f}{b:>10.2f}{c:>8.2f}")


print_results(search.cv_results_)

# %%
# Units of the score
# ------------------
# The scaler changes the units, so the pipeline's score is that of standardised columns. The log
# of its scales brings it back, and then it equals that of the same circuit without a scaler.

best = {name.split("__")[1]: value for name, value in search.best_params_.items()}
alone = clone(circuit).set_params(**best).fit(train)
log_volume = np.log(search.best_estimator_[0].scale_).sum()
print(f"\ntest, pipeline:                {search.score(test):8.3f}")
print(f"test, pipeline, units of X:    {search.score(test) - log_volume:8.3f}")
print(f"test, no scaler:               {alone.score(test):8.3f}")

# %%
# The deepest trees, down to single columns, fit the training rows less tightly than trees of depth
# 1 and 2 and hold up best on new rows. Depth 0, one mixture of independent columns, has no trees,
# and so the layer makes no difference.

results = search.cv_results_
figure, axis = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
for layer in ("cp", "tucker"):
    for n_sums, style in ((5, "o--"), (10, "s-")):
        chosen = [
            i
            for i, p in enumerate(results["params"])
            if (p["einetdensityestimator__layer"], p["einetdensityestimator__n_sums"])
            == (layer, n_sums)
        ]
        colour = "tab:blue" if layer == "cp" else "tab:orange"
        scores = results["mean_test_score"][chosen]
        axis.plot(range(5), scores, style, color=colour, label=f"{layer}, n_sums={n_sums}")
axis.set_xticks(range(5))
axis.set(xlabel="depth", ylabel="held-out log density, nats", title="Wine, 3-fold")
axis.legend()
plt.show()
