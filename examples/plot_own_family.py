"""
A leaf family of your own
=========================

Leaves are exponential families, and a family that skpc does not have is one class: statistics,
log partition, and the maps between its parameters. Here it is the Rayleigh density, of the length
of a vector whose two parts are normal: wind speeds, heights of waves. Run the file with
``python plot_own_family.py --output picture.png``.
"""

import argparse
from math import log

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.model_selection import train_test_split

from skpc import EinetDensityEstimator
from skpc.circuit.leaves import Leaf

parser = argparse.ArgumentParser(description="Model speeds by a leaf family of one's own.")
parser.add_argument("--output", default="own_family.png", help="file of the picture")
output = parser.parse_args().output

# %%
# The family
# ----------
# p(x) = x / s^2 exp(-x^2 / 2 s^2) has the form h(x) exp(theta T(x) - A(theta)) with T(x) = x^2,
# theta = -1 / (2 s^2), A = log s^2 and h(x) = x. All units of all leaves are handled at once, by
# tensors whose second axis is that of the leaf's columns, or of its statistics: one of each, here.
# ``support`` says what reaches the family: "positive" columns are divided by their mean. In a file
# that others import, the class survives pickle, joblib and parallel searches.

SMALLEST, LARGEST = 1e-150, 1e100


class Rayleigh(Leaf):
    """Length of a vector of two independent normal parts of mean 0 and variance s^2."""

    name = "rayleigh"
    support = "positive"
    fill = 1.0
    has_base = True
    base_inside = True
    precise = True

    def __init__(self, min_variance):
        self.lowest = min(min_variance, 1.0)

    @classmethod
    def for_column(cls, n_categories, min_variance):
        """One object for columns alike, with the floor of their variance."""
        return cls(min_variance)

    @property
    def n_statistics(self):
        """One: the square of x."""
        return 1

    def statistics(self, x):
        """T(x) = x^2, (n, 1, B)."""
        return x.clamp(SMALLEST, LARGEST).square()

    def log_base(self, x):
        """Log h(x) = log x."""
        return torch.log(x[:, 0].clamp(SMALLEST, LARGEST))

    def log_partition(self, theta):
        """Log s^2."""
        return -torch.log(-2 * theta[:, 0])

    def natural(self, mu):
        """E[x^2] = 2 s^2 to -1 / 2 s^2."""
        return -1 / mu

    def expectation(self, theta):
        """And back."""
        return -1 / theta

    def project(self, mu):
        """Keep s^2 away from zero: one value, repeated, must not have an infinite density."""
        return mu.clamp(2 * self.lowest, LARGEST)

    def reference(self):
        """s^2 = 1."""
        return torch.tensor([2.0], dtype=torch.float64)

    def spread(self, mu, noise):
        """Starts within a factor of 9 of the column's own s^2."""
        return self.project(mu * torch.exp(log(9) * (2 * noise - 1)))

    def to_free(self, theta):
        """Log of -theta, for the Adam solver; its gradient is found automatically."""
        return torch.log(-theta)

    def from_free(self, free):
        """And back, within the floor."""
        return -torch.exp(free.clamp(-log(LARGEST), -log(2 * self.lowest)))

    def sample(self, theta, generator):
        """The square root of -2 s^2 log u."""
        u = torch.rand(theta.shape, generator=generator, dtype=theta.dtype, device=theta.device)
        return torch.sqrt(torch.log1p(-u) / theta).clamp_min(SMALLEST)

    def mode(self, theta):
        """The density is highest at s."""
        return torch.sqrt(-0.5 / theta)

    def moments(self, theta):
        """Mean s sqrt(pi / 2), variance s^2 (4 - pi) / 2."""
        square = -0.5 / theta
        return torch.sqrt(square * torch.pi / 2), square * (4 - torch.pi) / 2


# %%
# Speeds
# ------
# Winds at three places, in metres a second: the parts of each wind to the east and to the north
# are normal, and on stormy days all of them are larger.


def make_speeds(n, random_state):
    """Lengths of winds at three places on calm and stormy days, (n, 3)."""
    rng = np.random.default_rng(random_state)
    size = np.where(rng.uniform(size=n) < 0.3, 7.0, 2.0)[:, None] * [1.0, 0.6, 1.4]
    return np.hypot(*rng.normal(scale=size, size=(2, n, 3)))


train, test = train_test_split(make_speeds(1500, 0), test_size=0.5, random_state=0)

# %%
# Held-out log density
# --------------------
# ``leaf`` takes the class where it takes a name. One class may also serve some columns of many, in
# a list or as ``leaf={"speed": Rayleigh}``.

print(f"{'leaves':<12}{'units':>6}{'parameters':>12}{'test log density':>18}")
models = {}
for name, leaf in (("Rayleigh", Rayleigh), ("gamma", "gamma"), ("gaussian", "gaussian")):
    for n_sums in (2, 10):
        model = EinetDensityEstimator(leaf=leaf, n_sums=n_sums, random_state=0).fit(train)
        models[name, n_sums] = model
        print(f"{name:<12}{n_sums:>6}{model.n_parameters_:>12}{model.score(test):>18.3f}")

# %%
# Two units of the right family score higher than two or ten of another one, and with fewer numbers.
# The Gaussian leaves also give speeds below zero a density.

right = models["Rayleigh", 2]
for (name, _), model in models.items():
    if name != "Rayleigh":
        assert right.score(test) > model.score(test)
        assert right.n_parameters_ < model.n_parameters_
assert np.isfinite(models["gaussian", 2].score([[-1.0, 1.0, 1.0]]))

# %%
# A picture
# ---------
# The exact density of the first column, all others integrated out.

figure, axis = plt.subplots(figsize=(7, 4))
grid = np.linspace(-3, 25, 600)
columns = np.full((len(grid), 3), np.nan)
columns[:, 0] = grid
axis.hist(test[:, 0], bins=40, range=(0, 25), density=True, color="0.85", label="test rows")
for (name, n_sums), color in zip(
    [("Rayleigh", 2), ("gaussian", 2), ("gaussian", 10)],
    ["tab:blue", "tab:orange", "tab:red"],
    strict=True,
):
    possible = grid > 0 if name == "Rayleigh" else np.full(len(grid), True)
    density = np.zeros(len(grid))
    density[possible] = np.exp(models[name, n_sums].score_samples(columns[possible]))
    axis.plot(grid, density, color=color, label=f"{name}, {n_sums} units")
axis.set(xlabel="speed at the first place, m/s", ylabel="density", title="A family of one's own")
axis.legend()
figure.savefig(output, dpi=150, bbox_inches="tight")
print(f"\nThe picture is in {output}.")
