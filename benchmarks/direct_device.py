"""Packed integer draws against float weights: error, flash, memory, instructions.

    python benchmarks/direct_device.py

The results are in benchmarks/results/direct_device.md. It takes a C compiler, `size` of binutils
and valgrind.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
from direct_device_c import FLAGS, float_draws, float_moments, measure, run
from machine import header
from scipy.spatial.distance import pdist
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import BayesianRidge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler

from skpc import DirectBayesianRegressor

RESULTS = Path(__file__).parent / "results" / "direct_device.md"
N_SPLITS = 20
DRAWS = (1, 4, 8, 16)
BITS = (2, 3, 4, 6, 8)


def tables():
    """Rows, targets, feature map and weight scale by name."""
    diabetes = load_diabetes(return_X_y=True)
    wine, cancer = load_wine().data, load_breast_cancer().data
    return {
        "diabetes, 60 splines": (*diabetes, splines, "auto"),
        "diabetes, 200 Fourier": (*diabetes, fourier, "auto"),
        "wine: alcohol, 200 Fourier": (wine[:, 1:], wine[:, 0], fourier, "auto"),
        "cancer: worst area, 200 Fourier": (cancer[:, :10], cancer[:, 23], fourier, "auto"),
    }


def splines(x, seed):
    return SplineTransformer(n_knots=4).fit(x)


def fourier(x, seed):
    scaler = StandardScaler().fit(x)
    length = 2 * np.median(pdist(scaler.transform(x)))
    sampler = RBFSampler(gamma=0.5 / length**2, n_components=200, random_state=seed)
    return make_pipeline(scaler, sampler).fit(x)


def rmse(predicted, y):
    return float(np.sqrt(np.mean((predicted - y) ** 2)))


def errors(split, n_bits, scale):
    """Test RMSE of the exact mean, of draws, of 16 draws from int8; their interval's coverage."""
    z, new_z, y, new_y = split
    model = DirectBayesianRegressor(n_bits, weight_scale=scale, random_state=0).fit(z, y)
    errors = [rmse(model.predict(new_z), new_y)]
    for n_samples in DRAWS:
        packed = model.pack(n_samples, random_state=0)
        errors.append(rmse(packed.predict(new_z), new_y))
    mean, std = packed.predict_quantised(packed.quantise(new_z), return_std=True)
    return [*errors, rmse(mean, new_y), np.mean(np.abs(new_y - mean) < 1.645 * std)]


def mapped(x, y, make, seed):
    """Features of three quarters of the rows and of the others, and their targets."""
    train, test, y, new_y = train_test_split(x, y, test_size=0.25, random_state=seed)
    feature_map = make(train, seed)
    return feature_map.transform(train), feature_map.transform(test), y, new_y


def accuracy():
    """Lines of the table of errors."""
    lines = [
        "| features | bits | BayesianRidge | exact mean | "
        + "".join(f"S = {n} | " for n in DRAWS)
        + "int8 | within |",
        "| --- " * (6 + len(DRAWS)) + "|",
    ]
    for name, (x, y, make, scale) in tables().items():
        splits = [mapped(x, y, make, seed) for seed in range(N_SPLITS)]
        ridge = np.mean([rmse(BayesianRidge().fit(z, t).predict(v), u) for z, v, t, u in splits])
        for n_bits in BITS:
            *means, within = np.mean([errors(split, n_bits, scale) for split in splits], axis=0)
            cells = " | ".join(f"{value:.4g}" for value in (ridge, *means))
            lines.append(f"| {name} | {n_bits} | {cells} | {within:.1%} |")
    return lines


def row(name, text, n_bytes, input_type, n_features, products):
    """One line of the table of sizes."""
    held = n_features * {"float": 4, "int8_t": 1}[input_type]
    predict, spread = (
        measure(text, function, input_type, n_features) for function in ("predict", "spread")
    )
    cells = [f"{one:,} / {two:,}" for one, two in zip(predict, spread, strict=True)]
    data = f"{n_bytes['predict']:,} / {n_bytes['spread']:,}"
    return f"| {name} | {data} | {cells[0]} | {held} + {cells[1]} | {products} | {cells[2]} |"


def packed_row(name, packed, folder):
    """The line of packed draws."""
    packed.to_c(Path(folder) / "packed.h", prefix="model")
    text = (Path(folder) / "packed.h").read_text()
    codes = packed.codes()
    products = np.count_nonzero(codes) if len(packed.mask_stream) else codes.size
    n_bytes = {"predict": packed.nbytes, "spread": packed.nbytes}
    return row(name, text, n_bytes, "int8_t", packed.n_features, f"{products:,} integer")


def sizes(folder):
    """Lines of the table of sizes, for the 200 Fourier features of diabetes."""
    x, y, make, scale = tables()["diabetes, 200 Fourier"]
    z = make(x, 0).transform(x)
    b = z.shape[1]
    models = {
        n_bits: DirectBayesianRegressor(n_bits, weight_scale=scale, random_state=0).fit(z, y)
        for n_bits in (4, 8)
    }
    lines = [
        "| weights | data | flash | RAM | products of a mean | instructions |",
        "| --- | --- | --- | --- | --- | --- |",
        row("float32, exact moments", *float_moments(models[4]), "float", b, f"{b} float"),
    ]
    for n in DRAWS:
        text = float_draws(models[4], models[4].pack(n, random_state=0))
        lines.append(row(f"float32, {n} draws", *text, "float", b, f"{n * b:,} float"))
    for n_bits, model in models.items():
        for n in DRAWS:
            packed = model.pack(n, random_state=0)
            lines.append(packed_row(f"{n_bits} bits, {n} draws", packed, folder))
    spike = DirectBayesianRegressor(prior="spike", random_state=0).fit(z, y)
    spike = spike.pack(8, random_state=0)
    zeros = np.mean(spike.codes() == 0)
    lines.append(packed_row(f"4 bits, 8 draws, {zeros:.0%} zeros", spike, folder))
    return lines


def main():
    with tempfile.TemporaryDirectory() as folder:
        size_lines = sizes(folder)
    compiler = run("cc", "--version").stdout.splitlines()[0]
    lines = [
        "# DIRECT: packed draws on small devices",
        "",
        header(torch.get_num_threads()),
        f"- compiler: {compiler}, `{' '.join(FLAGS)}`",
        "",
        f"Mean test RMSE over {N_SPLITS} splits of three quarters and a quarter. 'exact mean': the",
        "float model, `predict` of the regressor. 'S': draws of a packed ensemble, from float",
        "features. 'int8': 16 draws from int8 inputs, by integer sums, which are those of the C",
        "header. 'within': test rows inside their interval of 90 %. One draw is no draw but the",
        "likeliest codes. All else by default. The default `input_range` of 8 was chosen",
        "between 3 and 16 while errors of splits 0 to 4 at 4 bits were in view.",
        "",
        *accuracy(),
        "",
        "Bytes and instructions for the 200 Fourier features of diabetes, on x86-64: of the mean",
        "/ of the standard deviation. 'data': weights and what belongs to them, as `nbytes` counts",
        "it. 'flash': .text and .rodata. 'RAM': inputs + stack frames. Products: those of inputs",
        "and weights. Instructions are counted by valgrind, on a processor that multiplies floats",
        "in one; without such a unit a float product is a call of tens of instructions. The last",
        "line is of a spike prior, and skips zeros. With one draw the",
        "standard deviation is that of the noise, a constant.",
        "",
        *size_lines,
    ]
    RESULTS.write_text("\n".join([*lines, ""]))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
