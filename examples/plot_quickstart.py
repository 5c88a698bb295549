"""
Quickstart
==========

Fit a probabilistic circuit to tables that scikit-learn ships, compare its held-out log density
with that of two classical estimators, ask about rows with holes, and look at draws. Then fit a
Bayesian regression whose weights are integers of four bits.

Run it with ``python plot_quickstart.py --output picture.png``.
"""

import argparse
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn import datasets
from sklearn.linear_model import BayesianRidge
from sklearn.metrics import root_mean_squared_error
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from skpc import DirectBayesianRegressor, EinetDensityEstimator

parser = argparse.ArgumentParser(description="Fit, compare, fill holes and draw a picture.")
parser.add_argument("--output", default="quickstart.png", help="file of the picture")
output = parser.parse_args().output

# %%
# Tables
# ------
# Three tables of measurements, and the 8 x 8 images of digits as rows of 64 pixels. Pixels are
# whole numbers; noise between 0 and 1 makes densities of them comparable. The pixels form a grid,
# which one of the structures cuts into boxes.


def load_tables():
    """Training rows, test rows and settings of the circuit, by name of the table."""
    pixels = datasets.load_digits().data
    noise = np.random.default_rng(0).uniform(size=pixels.shape)
    grid = {"structure": "poon_domingos", "grid_shape": (8, 8)}
    tables = {
        "iris": (datasets.load_iris().data, {}),
        "wine": (datasets.load_wine().data, {}),
        "breast_cancer": (datasets.load_breast_cancer().data, {}),
        "digits": (pixels + noise, grid),
    }
    return {
        name: (*train_test_split(X, test_size=0.3, random_state=0), settings)
        for name, (X, settings) in tables.items()
    }


tables = load_tables()

# %%
# Held-out log density
# --------------------
# The circuits keep their default settings. The mixtures of Gaussians and the kernel densities
# are chosen by cross-validation on the training rows. Those two work on standardised columns,
# and the log of the scales brings their scores back to the units of the table, where skpc's
# scores are already. All figures are nats a row; higher is better. The sentences below the table
# are made from its figures.


def fit_circuits(tables):
    """A fitted circuit for every table."""
    return {
        name: EinetDensityEstimator(**settings, random_state=0).fit(train)
        for name, (train, _, settings) in tables.items()
    }


def peer_scores(train, test):
    """Mean log density of the test rows under the best mixture and the best kernel density."""
    scaler = StandardScaler().fit(train)
    log_volume = np.log(scaler.scale_).sum()
    mixtures = {"n_components": [1, 2, 3, 5, 10, 20], "covariance_type": ["full", "diag"]}
    widths = {"bandwidth": np.geomspace(0.1, 1.5, 12)}
    train, test = scaler.transform(train), scaler.transform(test)
    mixture = GridSearchCV(GaussianMixture(reg_covar=1e-3, random_state=0), mixtures, cv=3)
    kernel = GridSearchCV(KernelDensity(), widths, cv=3)
    return [np.mean(s.fit(train).score_samples(test)) - log_volume for s in (mixture, kernel)]


MODELS = ["skpc", "GaussianMixture", "KernelDensity"]


def print_scores(tables, circuits):
    """One line a table, a star at the highest score; then what the scores say."""
    print(f"{'table':<14}{'rows':>6}{'columns':>9}" + "".join(f"{n:>17}" for n in MODELS))
    sentences = []
    for name, (train, test, _) in tables.items():
        scores = np.array([circuits[name].score(test), *peer_scores(train, test)])
        cells = [f"{s:.2f}" + ("*" if s == scores.max() else " ") for s in scores]
        rows = len(train) + len(test)
        print(f"{name:<14}{rows:>6}{train.shape[1]:>9}" + "".join(f"{c:>17}" for c in cells))
        sentences.append(compare(name, scores))
    print("", *sentences, sep="\n")


def compare(name, scores):
    """Which model has the highest score on a table, and by how much."""
    second, first = np.argsort(scores)[-2:]
    lead = scores[first] - scores[second]
    return f"On {name} {MODELS[first]} is ahead of {MODELS[second]} by {lead:.2f} nats a row."


started = time.perf_counter()
circuits = fit_circuits(tables)
print(f"Four circuits fitted in {time.perf_counter() - started:.0f} s.\n")
print_scores(tables, circuits)

# %%
# Leaves of a circuit are densities of one column. Where columns are close to linear functions of
# each other, as the radius, perimeter and area of breast_cancer are, full covariances say more: by
# default Gaussians that have them are mixed with the trees, and held-out rows decide their weight.
#
# Missing cells
# -------------
# Rows with holes are scored and filled without an imputation step. Here one column of the
# test rows is hidden; draws from its exact conditional density give an interval, and a 90 %
# interval should cover about 90 % of the truths.


def show_missing_cells(circuit, X, names, column):
    """Hide a column of X, score the rest, and compare draws of the column with the truth."""
    j = names.index(column)
    holes = X.copy()
    holes[:, j] = np.nan
    conditional = circuit.predict_conditional(X, [j]).mean()
    print(f"\nwine, mean log density of whole rows:     {circuit.score(X):8.2f}")
    print(f"      the same without {column}:           {circuit.score(holes):8.2f}")
    print(f"      {column} given the rest of the row:  {conditional:8.2f}")
    draws = circuit.sample_conditional(holes, n_samples=500, random_state=0)[:, j]
    low, middle, high = np.quantile(draws.reshape(len(X), 500), [0.05, 0.5, 0.95], axis=1)
    print(f"\n{column} of a row:   truth   median of draws   90 % interval")
    for i in range(4):
        print(f"{'':<18}{X[i, j]:>6.0f}{middle[i]:>18.0f}     {low[i]:>5.0f} to {high[i]:.0f}")
    covered = np.mean((low <= X[:, j]) & (X[:, j] <= high))
    print(f"The intervals cover {covered:.0%} of {len(X)} test rows.")


wine = datasets.load_wine()
show_missing_cells(circuits["wine"], tables["wine"][1], wine.feature_names, "proline")

# %%
# Regression on small integers
# ----------------------------
# The weights of the regression are codes of four bits, -7 to 7, times a step. Its predictions
# come with standard deviations, and every draw of its weights is a vector of small integers.


def show_regression():
    """Error, intervals and a draw of the weights on diabetes, beside BayesianRidge."""
    X, y = datasets.load_diabetes(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
    ours = DirectBayesianRegressor(random_state=0).fit(X, y)
    ridge = BayesianRidge().fit(X, y)
    print(f"\ndiabetes, {len(y)} training rows    test RMSE    90 % intervals cover")
    for name, model in (("integers of 4 bits", ours), ("BayesianRidge", ridge)):
        mean, std = model.predict(X_test, return_std=True)
        covered = np.mean(np.abs(y_test - mean) < 1.645 * std)
        print(f"  {name:<28}{root_mean_squared_error(y_test, mean):>9.2f}{covered:>24.0%}")
    draw = ours.sample_weights(1, random_state=0)[0]
    print(f"A draw of the weights: {' '.join(map(str, draw))}")


show_regression()

# %%
# A picture
# ---------
# Left: test digits of which the model sees the upper half, and draws of the lower half. Right:
# the exact density of two columns of wine, all others integrated out.


def draw_digits(figure, circuit, test):
    """Test digits, their visible half, and three draws of the other half."""
    labels = datasets.load_digits().target
    labels = train_test_split(labels, test_size=0.3, random_state=0)[1]
    shown = test[[np.flatnonzero(labels == digit)[0] for digit in range(10)]]
    seen = shown.copy()
    seen[:, 32:] = np.nan
    draws = circuit.sample_conditional(seen, n_samples=3, random_state=0).reshape(10, 3, 64)
    rows = {"truth": shown, "seen": seen} | {f"draw {i + 1}": draws[:, i] for i in range(3)}
    spaces = {"wspace": 0.08, "hspace": 0.08, "bottom": 0.09}
    axes = figure.subplots(len(rows), 10, gridspec_kw=spaces)
    for line, (label, images) in zip(axes, rows.items(), strict=True):
        line[0].set_ylabel(label, rotation=0, ha="right", va="center")
        for axis, image in zip(line, images, strict=True):
            axis.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=17)
            axis.set(xticks=[], yticks=[], facecolor="#cfe0f3")
    figure.suptitle("Digits: the lower half drawn given the upper half")


def draw_wine(figure, circuit, train, names, columns):
    """Density of two columns, the training rows and as many draws."""
    x, y = (names.index(column) for column in columns)
    ends = [(train[:, j].min(), train[:, j].max()) for j in (x, y)]
    margins = [0.1 * (high - low) for low, high in ends]
    sides = [np.linspace(a - m, b + m, 120) for (a, b), m in zip(ends, margins, strict=True)]
    grid = np.full((120 * 120, len(names)), np.nan)
    grid[:, [x, y]] = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    density = np.exp(circuit.score_samples(grid)).reshape(120, 120)
    draws = circuit.sample(len(train), random_state=0)
    axis = figure.subplots()
    levels = density.max() * np.linspace(0.1, 1, 10) ** 2
    axis.contourf(*sides, density, levels, cmap="Blues", alpha=0.7)
    axis.scatter(train[:, x], train[:, y], s=14, color="black", label="training rows")
    axis.scatter(draws[:, x], draws[:, y], s=16, color="tab:orange", marker="x", label="draws")
    axis.set(xlabel=columns[0], ylabel=columns[1])
    axis.set(xlim=sides[0][[0, -1]], ylim=sides[1][[0, -1]])
    axis.legend(loc="upper right")
    figure.suptitle("Wine: density of two of 13 columns")


figure = plt.figure(figsize=(12, 4.4))
left, right = figure.subfigures(1, 2, width_ratios=[1.75, 1])
draw_digits(left, circuits["digits"], tables["digits"][1])
columns = ("flavanoids", "color_intensity")
draw_wine(right, circuits["wine"], tables["wine"][0], wine.feature_names, columns)
figure.savefig(output, dpi=150, bbox_inches="tight")
print(f"\nThe picture is in {output}.")
