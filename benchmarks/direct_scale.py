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
import warnings

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from direct import RESULTS, clock, load, write
from direct_defaults import KINDS as ALL_KINDS
from direct_defaults import MOST_ROWS, map_of, rmse, spike
from direct_paper import OPTIONS
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import BayesianRidge

from skpc import DirectBayesianRegressor, PoorFitWarning
from skpc.direct.moments import Source, collect_blocks, standardise
from skpc.direct.solve import solve_regression

N_COLUMNS, N_FEATURES = 11, 2000
SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000, 2_000_000)
MASSES = (1 / 15, 0.3, 0.6, 0.9, 0.99, 0.999)
NAMES, KINDS = ("concrete", "airfoil", "housing", "gas"), ALL_KINDS[1:]


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


def sparsity(folder, n_splits=3):
    lines = [
        f"Mean over {n_splits} splits of tables and features as in direct_defaults.md, 4 bits,",
        "steps by default. Error: test RMSE over BayesianRidge's. Mass: prior probability of the",
        "code 0; the other 14 are alike. 1/15 is the uniform prior.",
        "",
        "| table | features | mass at zero | zeros among draws | error | excess_error_ |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    figure, axes = plt.subplots(1, len(KINDS), figsize=(12, 3.6), sharey=True, layout="constrained")
    for kind, axis in zip(KINDS, axes, strict=True):
        for name in NAMES:
            rows = [path(folder, name, kind, k) for k in range(n_splits)]
            means = np.mean(rows, axis=0)
            for mass, (zeros, error, excess) in zip(MASSES, means, strict=True):
                lines.append(
                    f"| {name} | {kind} | {mass:.3f} | {zeros:.1%} | {error:.3f} | {excess:.3f} |"
                )
            print("\n".join(lines[-len(MASSES) :]), flush=True)
            axis.plot(means[:, 0], means[:, 1], "o-", label=name)
        axis.set(xlabel="share of zeros among draws", title=kind)
    axes[0].set(ylabel="RMSE over BayesianRidge's")
    axes[0].legend()
    figure.savefig(RESULTS / "direct_sparsity.png", dpi=120)
    write("sparsity", "DIRECT: errors against zeros", lines)


def path(folder, name, kind, k):
    """Zeros, relative error and excess for every mass on one split."""
    x, y, masks = load(folder, name)
    test = masks[:, k]
    train = np.random.RandomState(k).permutation(np.flatnonzero(~test))[:MOST_ROWS]
    mapped = map_of(kind, k)
    z, new = mapped.fit_transform(x[train]), mapped.transform(x[test])
    base = rmse(BayesianRidge().fit(z, y[train]).predict(new), y[test])
    row = []
    for mass in MASSES:
        prior = spike(4, mass)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PoorFitWarning)
            model = DirectBayesianRegressor(prior=prior, random_state=0).fit(z, y[train])
        row.append((model.sparsity_, rmse(model.predict(new), y[test]) / base, model.excess_error_))
    return row


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["rows", "sparsity"])
    parser.add_argument("--data", default=os.environ.get("SKPC_DATA"))
    arguments = parser.parse_args()
    {"rows": rows, "sparsity": sparsity}[arguments.what](arguments.data)
