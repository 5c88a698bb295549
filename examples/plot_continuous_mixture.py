"""
Trees, and a continuous mixture beside them
===========================================

Trees of columns model what binds few columns; a continuous mixture models what moves all of them
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
# Trees alone, and with one continuous mixture: it has weight, and new digits are likelier.

models = {
    "trees": EinetDensityEstimator(n_decoders=0, random_state=0).fit(train),
    "trees and a continuous mixture": EinetDensityEstimator(n_decoders=1, random_state=0).fit(
        train
    ),
}
for name, model in models.items():
    weights = np.round(model.mixture_weights_, 2)
    print(f"{name}: {model.score(test):.2f} nats a test row, weights {weights}")

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
