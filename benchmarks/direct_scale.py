"""How DIRECT grows with rows, and what its zeros cost; results in benchmarks/results/direct_*.

    python benchmarks/direct_scale.py rows
    python benchmarks/direct_scale.py sparsity --data FOLDER

`rows`: simulated tables of 11 columns (the width of houseelectric), up to its 2 million rows,
through 2,000 random Fourier features: the one pass and the solve apart. `sparsity`: test error
against the share of zeros among drawn weights, over the prior's mass at zero. FOLDER (or the
variable SKPC_DATA) holds uci/<name>.npz. Seconds are those of one core: set OMP_NUM_THREADS=1.
"""

import argparse
import os
import time

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from direct import RESULTS, clock, load, rmse, sampler, scaled, write
from direct_paper import OPTIONS
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import BayesianRidge

from skpc import DirectBayesianRegressor
from skpc.direct.moments import Source, collect_blocks, standardise
from skpc.direct.solve import solve_regression

N_COLUMNS, N_FEATURES = 11, 2000
SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000, 2_000_000)
MASSES = (1 / 15, 0.3, 0.6, 0.8, 0.9, 0.95, 0.98)


def rate(n=2048, repetitions=5):
    """Operations a second of a plain product in float64, median."""
    a = np.random.RandomState(0).standard_normal((n, n))
    b = a.copy()
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        a @ b
        seconds.append(time.perf_counter() - start)
    return 2 * n**3 / float(np.median(seconds))


def rows(_):
    plain = rate()
    lines = [
        f"Simulated tables of {N_COLUMNS} columns through {N_FEATURES} random Fourier features, 4",
        "bits. 'features': the map alone. 'moments': the sums of products of features, with their",
        "rate: 2 b^2 operations a row, over the rate of a plain product in float64",
        f"({plain / 1e9:.0f} GFlop/s); it may pass 100 %, since symmetry saves half of them.",
        "'solve': the search over steps and the posterior.",
        "",
        "| rows | features (s) | moments (s) | share of the plain rate | solve (s) |",
        "| ---: | ---: | ---: | ---: | ---: |",
    ]
    measured = []
    for n in SIZES:
        random = np.random.RandomState(0)
        x = random.standard_normal((n, N_COLUMNS))
        y = np.sin(x).sum(axis=1) + 0.3 * random.standard_normal(n)
        rbf = RBFSampler(gamma=0.05, n_components=N_FEATURES, random_state=0).fit(x[:2])
        mapping = 0.0

        def mapped(block, rbf=rbf):
            nonlocal mapping
            features, seconds = clock(lambda: rbf.transform(block))
            mapping += seconds
            return features

        ones = np.ones(n)
        moments, seconds = clock(
            lambda: collect_blocks(Source(x, y, ones, mapped, N_FEATURES), "cpu")  # noqa: B023
        )
        data = standardise(moments, True)
        _, solve = clock(lambda: solve_regression(data, OPTIONS, np.random.RandomState(0)))  # noqa: B023
        share = 2 * N_FEATURES**2 * n / (seconds - mapping) / plain
        measured.append((n, seconds, solve))
        lines.append(
            f"| {n:,} | {mapping:.1f} | {seconds - mapping:.1f} | {share:.0%} | {solve:.1f} |"
        )
        print(lines[-1], flush=True)
        write("rows", "DIRECT: seconds against rows", lines)
    draw_rows(np.array(measured))


def draw_rows(measured):
    figure, axes = plt.subplots(figsize=(5.5, 3.6), layout="constrained")
    axes.loglog(measured[:, 0], measured[:, 1], "o-", label="one pass over the rows")
    axes.loglog(measured[:, 0], measured[:, 2], "s-", label="solve: step and posterior")
    axes.set(xlabel="rows", ylabel="seconds, one core", title="2,000 features of 11 columns")
    axes.legend()
    figure.savefig(RESULTS / "direct_rows.png", dpi=120)


def with_mass(mass, n_codes=15):
    """Uniform probabilities but for the mass of code 0."""
    prior = np.full(n_codes, (1 - mass) / (n_codes - 1))
    prior[n_codes // 2] = mass
    return prior


def sparsity(folder, names=("concrete", "airfoil", "gas"), n_splits=5, n_features=500):
    lines = [
        f"Mean over {n_splits} splits, {n_features} random Fourier features (lengthscale: half the",
        "median distance), 4 bits, the step by the ELBO. Error: test RMSE over BayesianRidge's.",
        "Mass: prior probability of the code 0; the other 14 are alike. 1/15 is the uniform prior.",
        "",
        "| table | mass at zero | zeros among draws | error |",
        "| --- | ---: | ---: | ---: |",
    ]
    figure, axes = plt.subplots(figsize=(5.5, 3.6), layout="constrained")
    for name in names:
        means = np.array([path(folder, name, k, n_features) for k in range(n_splits)]).mean(axis=0)
        for mass, (zeros, error) in zip(MASSES, means, strict=True):
            lines.append(f"| {name} | {mass:.3f} | {zeros:.1%} | {error:.3f} |")
        print("\n".join(lines[-len(MASSES) :]), flush=True)
        axes.plot(means[:, 0], means[:, 1], "o-", label=name)
    axes.set(xlabel="share of zeros among drawn weights", ylabel="RMSE over BayesianRidge's")
    axes.legend()
    figure.savefig(RESULTS / "direct_sparsity.png", dpi=120)
    write("sparsity", "DIRECT: errors against zeros", lines)


def path(folder, name, k, n_features):
    """Zeros and relative error for every mass on one split."""
    x, y, masks = load(folder, name)
    test = masks[:, k]
    (u,) = scaled(x[~test], x)
    z = sampler(u[~test], 0.5, n_features, k).fit_transform(u)
    base = rmse(BayesianRidge().fit(z[~test], y[~test]), z, y, test)
    row = []
    for mass in MASSES:
        model = DirectBayesianRegressor(prior=with_mass(mass), random_state=0)
        model.fit(z[~test], y[~test])
        row.append((model.sparsity_, rmse(model, z, y, test) / base))
    return row


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["rows", "sparsity"])
    parser.add_argument("--data", default=os.environ.get("SKPC_DATA"))
    arguments = parser.parse_args()
    {"rows": rows, "sparsity": sparsity}[arguments.what](arguments.data)
