"""
Trees mixed with Gaussians
==========================

Numbers that are nearly functions of each other, such as the radius, the perimeter and the area of
the same cells, ask for full covariances: trees would cut them into many small boxes. A mixture of
Gaussians over all columns of numbers is mixed with the trees, and held-out rows decide how much
each of them weighs.
"""

# %%
# The table: ten sizes and shapes of 569 cell nuclei, a third of them kept for testing.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import train_test_split

from skpc import EinetDensityEstimator

X = load_breast_cancer(as_frame=True).data.iloc[:, :10]
train, test = train_test_split(X, test_size=1 / 3, random_state=0)

# %%
# Trees alone, and what the defaults give: both, in the same model. For comparison, scikit-learn's
# mixture of Gaussians with the number of components that is best on the test rows.

models = {
    "trees": EinetDensityEstimator(components="trees", random_state=0).fit(train),
    "trees and Gaussians (the default)": EinetDensityEstimator(random_state=0).fit(train),
}
for name, model in models.items():
    shares = zip(model.component_names_, model.component_weights_, strict=True)
    weights = ", ".join(f"{component} {share:.2f}" for component, share in shares)
    print(f"{name}: {model.score(test):.2f} nats a test row, weights {weights}")
scale = train.std()
scores = [
    GaussianMixture(k, random_state=0).fit(train / scale).score(test / scale) for k in range(1, 11)
]
print(f"GaussianMixture at its best: {max(scores) - np.log(scale).sum():.2f}")
trees, mixed = (model.score(test) for model in models.values())
assert mixed > trees
print(f"gain by the Gaussians: {mixed - trees:.2f}")

# %%
# Draws of both. Every other query stays exact too: missing cells, any columns given any others.

pairs = [("mean radius", "mean perimeter"), ("mean concavity", "mean concave points")]
figure, axes = plt.subplots(2, 3, figsize=(9, 6), layout="constrained")
tables = {"test rows": test}
tables |= {name: model.sample(len(test), random_state=0) for name, model in models.items()}
for column, (name, table) in zip(axes.T, tables.items(), strict=True):
    column[0].set_title(name, fontsize=10)
    for ax, (x, y) in zip(column, pairs, strict=True):
        ax.scatter(table[x], table[y], s=6)
        ax.set(xlim=(X[x].min(), X[x].max()), ylim=(X[y].min(), X[y].max()), xlabel=x, ylabel=y)
plt.show()
