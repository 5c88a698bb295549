"""
A regression for a small device
===============================

A posterior on integers of a few bits can be drawn from, packed two codes a byte, and written as C
whose sums are of integers only. Here a regression on splines of the diabetes table becomes a header
for a device. The figure shows what the number of draws does to the error, and the header's
predictions from int8 inputs against the exact ones.

Run it with ``python plot_small_device.py --output picture.png --header model.h``.
"""

import argparse
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import SplineTransformer

from skpc import DirectBayesianRegressor

parser = argparse.ArgumentParser(description="Pack a regression and draw a picture.")
parser.add_argument("--output", default="small_device.png", help="file of the picture")
parser.add_argument(
    "--header", default=Path(tempfile.gettempdir()) / "model.h", help="file of the C header"
)
arguments = parser.parse_args()

# %%
# Fit
# ---
# The feature map stays outside: a packed model works on the features after it.

x, y = load_diabetes(return_X_y=True)
train, test, y_train, y_test = train_test_split(x, y, random_state=0)
splines = SplineTransformer(n_knots=4).fit(train)
features, new_features = splines.transform(train), splines.transform(test)
model = DirectBayesianRegressor(random_state=0).fit(features, y_train)

# %%
# Pack
# ----
# Inputs of the device are int8: 0 is the mean of the training rows, and 127 levels reach 8
# standard deviations.

packed = model.pack(n_samples=16, random_state=0)
inputs = packed.quantise(new_features)
mean, std = packed.predict_quantised(inputs, return_std=True)
exact = model.predict(new_features)
packed.to_c(arguments.header, prefix="model")

print(f"bytes of the same weights in float64  {8 * packed.codes().size}")
print(f"bytes packed                          {packed.nbytes}")
print(f"largest possible sum                  {packed.largest_sum}")
print(f"lines of C                            {Path(arguments.header).read_text().count(chr(10))}")


def rmse(predicted):
    """Root mean squared error on the test rows."""
    return float(np.sqrt(np.mean((predicted - y_test) ** 2)))


# %%
# Picture
# -------
# Twenty packs of every size: a pack with few draws may be lucky or not. A pack of one is no draw
# but the likeliest codes together, and always the same.

sizes = [1, 2, 4, 8, 16, 32, 64]
errors = np.empty((len(sizes), 20))
for i, n_samples in enumerate(sizes):
    for seed in range(20):
        drawn = model.pack(n_samples, random_state=seed)
        errors[i, seed] = rmse(drawn.predict_quantised(drawn.quantise(new_features)))

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
left.fill_between(sizes, *np.quantile(errors, [0.1, 0.9], axis=1), alpha=0.2, label="8 of 10 packs")
left.plot(sizes, errors.mean(axis=1), "o-", label="mean of 20 packs, int8 inputs")
left.axhline(rmse(exact), color="0.3", linestyle="--", label="exact mean, float64")
left.set_xscale("log", base=2)
left.set_xticks(sizes, sizes)
left.set(xlabel="draws of 4-bit weights", ylabel="test RMSE", title="error and draws")
left.legend()

right.errorbar(exact, mean, 1.645 * std, fmt="o", ms=3, lw=0.5, label="16 draws, 90 % interval")
line = [exact.min(), exact.max()]
right.plot(line, line, color="0.3", linestyle="--", label="equal")
right.set(xlabel="exact mean", ylabel="packed, from int8 inputs", title="integers against floats")
right.legend(loc="upper left")

figure.savefig(arguments.output, dpi=120)
print(f"picture in {arguments.output}")
