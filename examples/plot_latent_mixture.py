"""
Trees mixed with a latent mixture
=================================

Trees of columns model what binds few columns; a latent mixture models what moves all of them
at once, here which digit was written and how. Held-out rows decide how much each of them weighs.
"""

# %%
# The table: 64 black or white pixels of 1,797 handwritten digits, a third of them kept for testing.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skpc import EinetDensityEstimator

X = (load_digits().data > 7).astype(int)
train, test = train_test_split(X, test_size=1 / 3, random_state=0)

# %%
# Trees alone, and with one latent mixture, under which new digits are likelier: the last line says
# by how much, and the example stops where that is not so.

models = {
    "trees": EinetDensityEstimator(components="trees", random_state=0).fit(train),
    "trees and a latent mixture": EinetDensityEstimator(
        components=["trees", "latent_mixture"], random_state=0
    ).fit(train),
}
for name, model in models.items():
    shares = zip(model.component_names_, model.component_weights_, strict=True)
    weights = ", ".join(f"{component} {share:.2f}" for component, share in shares)
    print(f"{name}: {model.score(test):.2f} nats a test row, weights {weights}")
trees, mixed = (model.score(test) for model in models.values())
assert mixed > trees
print(f"gain by the latent mixture: {mixed - trees:.2f}")

# %%
# Draws of both, and the lower halves of test digits drawn given the upper ones.


def show(axes, rows, title):
    """Draw ten digits side by side."""
    for ax, row in zip(axes, rows, strict=True):
        ax.imshow(row.reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
    # Longer than its picture is wide: it must not push the others aside.
    axes[0].set_title(title, loc="left", fontsize=9).set_in_layout(False)


n = 10
holes = test[:n].astype(float)
holes[:, 32:] = np.nan
figure, axes = plt.subplots(5, n, figsize=(8, 5.2))
show(axes[0], test[:n], "test digits")
for i, (name, model) in enumerate(models.items()):
    show(axes[1 + 2 * i], model.sample(n, random_state=0), f"{name}: draws")
    filled = model.sample_conditional(holes, random_state=0)
    show(axes[2 + 2 * i], filled, f"{name}: lower halves drawn given the upper ones")
plt.show()
