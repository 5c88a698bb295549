"""
Bayesian regression with integer weights
========================================

`DirectBayesianRegressor` puts a posterior on small integers: each weight is a code of a few bits
times a step. Here it learns a wave from noisy points through random Fourier features, and the
progression of diabetes from ten measurements. The figure shows its predictions with 90 %
intervals, and the posterior of every diabetes weight over its fifteen codes.

Run it with ``python plot_direct_regression.py --output picture.png``.
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import BayesianRidge
from sklearn.model_selection import train_test_split

from skpc import DirectBayesianRegressor

parser = argparse.ArgumentParser(description="Fit integer weights and draw a picture.")
parser.add_argument("--output", default="direct_regression.png", help="file of the picture")
output = parser.parse_args().output

# %%
# A wave
# ------
# The feature map is fitted and applied inside the estimator, block by block.

random = np.random.RandomState(0)
x = np.sort(random.uniform(-3, 3, 200))[:, None]
y = np.sin(2 * x[:, 0]) + 0.3 * x[:, 0] + 0.2 * random.standard_normal(200)

features = RBFSampler(gamma=0.5, n_components=40, random_state=0)
wave = DirectBayesianRegressor(feature_map=features, random_state=0).fit(x, y)
line = np.linspace(-3, 3, 300)[:, None]
mean, std = wave.predict(line, return_std=True)

# %%
# Diabetes
# --------

data = load_diabetes(as_frame=True)
train, test, y_train, y_test = train_test_split(data.data, data.target, random_state=0)
diabetes = DirectBayesianRegressor(random_state=0).fit(train, y_train)
ridge = BayesianRidge().fit(train, y_train)
print(f"R2 of 4-bit weights    {diabetes.score(test, y_test):.3f}")
print(f"R2 of BayesianRidge    {ridge.score(test, y_test):.3f}")
print(f"zeros in drawn weights {diabetes.sparsity_:.0%}")
print(f"three draws of weights\n{diabetes.sample_weights(3, random_state=0)}")

# %%
# Picture
# -------

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
left.scatter(x[:, 0], y, s=10, color="0.5", label="training rows")
left.plot(line[:, 0], mean, color="C0", label="mean")
left.fill_between(
    line[:, 0], mean - 1.645 * std, mean + 1.645 * std, color="C0", alpha=0.2, label="90 %"
)
left.set(xlabel="x", ylabel="y", title="40 weights of 4 bits")
left.legend()

shown = right.imshow(diabetes.weight_probabilities_.T, origin="lower", aspect="auto", cmap="Blues")
right.set_xticks(range(10), data.data.columns)
right.set_yticks(range(1, 15, 3), range(-6, 7, 3))
right.set(ylabel="code", title="diabetes: posterior of every weight")
figure.colorbar(shown, ax=right, label="probability")

figure.savefig(output, dpi=120)
print(f"picture in {output}")
