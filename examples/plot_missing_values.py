"""
Missing values in mixed columns
===============================

Hide three cells in ten of tables with numbers and a category, in training rows too, fill them by
exact conditional draws, and compare with imputers of scikit-learn. Needs pandas.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn import datasets
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skpc import EinetDensityEstimator

wine = datasets.load_wine(as_frame=True)
diabetes = datasets.load_diabetes(as_frame=True, scaled=False).data
tables = {
    "diabetes": diabetes.drop(columns="sex").assign(category=diabetes.sex.map({1: "A", 2: "B"})),
    "wine": wine.data.assign(category=wine.target.map({0: "A", 1: "B", 2: "C"})),
}

# %%
# Ways to fill
# ------------
# The circuit takes the frame as it is. For one best guess a cell, take the mean of many draws,
# or the most frequent category; for a table that looks like the data, take one draw. The imputers
# get the category as columns of zeros and ones. ``IterativeImputer`` gets ridge regressions with a
# penalty that was chosen in view of the errors below, in its favour.


def guess_by_circuit(circuit, holes):
    """Best guesses of missing cells from 200 draws, which keep the index of their row."""
    draws = circuit.sample_conditional(holes, n_samples=200, random_state=0).groupby(level=0)
    guess = draws.mean(numeric_only=True).loc[holes.index]
    return guess.assign(category=draws.category.agg(lambda c: c.mode()[0]))


def guess_by_imputer(imputer, train, holes):
    """The same by an imputer of scikit-learn."""
    first, *others = sorted(train.category.dropna().unique())

    def encode(X):
        seen = X.category.notna()
        codes = {value: (X.category == value).astype(float).where(seen) for value in others}
        return X.drop(columns="category").assign(**codes)

    imputer.set_output(transform="pandas").fit(encode(train))
    filled = imputer.transform(encode(holes))
    shares = filled[others].assign(**{first: 1 - filled[others].sum(axis=1)})
    return filled.drop(columns=others).assign(category=shares.idxmax(axis=1))


def errors(guess, truth, holes):
    """Root mean squared error in standard deviations, and share of wrong categories."""
    numbers, lost = truth.columns[:-1], holes.isna()
    squares = ((guess[numbers] - truth[numbers]) / truth[numbers].std()) ** 2
    wrong = (guess.category != truth.category)[lost.category].mean()
    return np.sqrt(np.mean(squares.to_numpy()[lost[numbers].to_numpy()])), wrong


def compare(name, results, n_hidden):
    """A sentence on the guesses of the circuit and of the regressions."""
    (ours, wrong), (theirs, their_wrong) = results["skpc"], results["IterativeImputer"]
    gap = round(ours, 2) - round(theirs, 2)
    word = "as well as" if gap == 0 else "better than" if gap < 0 else "worse than"
    return (
        f"On {name} the circuit guesses numbers {word} the regressions; of {n_hidden} hidden\n"
        f"categories it misses {wrong * n_hidden:.0f}, they miss {their_wrong * n_hidden:.0f}."
    )


ridge = make_pipeline(StandardScaler(), Ridge(20))
imputers = [SimpleImputer(), IterativeImputer(ridge, max_iter=100, random_state=0)]
print(f"{'table':<10}{'method':<18}{'error of numbers, sd':>22}{'wrong categories':>18}")
sentences = []
for name, X in tables.items():
    hidden = np.random.default_rng(0).uniform(size=X.shape) < 0.3
    train, holes, _, truth = train_test_split(X.mask(hidden), X, test_size=0.5, random_state=0)
    circuit = EinetDensityEstimator(random_state=0).fit(train)
    guesses = {type(i).__name__: guess_by_imputer(i, train, holes) for i in imputers}
    guesses["skpc"] = guess_by_circuit(circuit, holes)
    results = {method: errors(guess, truth, holes) for method, guess in guesses.items()}
    for method, (error, wrong) in results.items():
        print(f"{name:<10}{method:<18}{error:>22.2f}{wrong:>18.0%}")
    sentences.append(compare(name, results, holes.category.isna().sum()))
print("", *sentences, sep="\n")

# %%
# Guesses and draws of two columns of wine
# ----------------------------------------
# Best guesses lack the spread of what they stand for; a draw keeps it. Red: a cell was hidden.

panels = {"truth": truth, **guesses}
panels["skpc, one draw"] = circuit.sample_conditional(holes, random_state=0)
red = holes[["flavanoids", "hue"]].isna().any(axis=1)
figure, axes = plt.subplots(1, 5, figsize=(14, 3.2), sharex=True, sharey=True, layout="constrained")
for axis, (title, table) in zip(axes, panels.items(), strict=True):
    axis.scatter(table.flavanoids, table.hue, s=18, color=np.where(red, "tab:red", "silver"))
    axis.set(title=title, xlabel="flavanoids", ylabel="hue" if title == "truth" else None)
plt.show()
