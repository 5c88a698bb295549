"""The experiments of the DIRECT paper (arXiv 1809.04279), in benchmarks/results/direct_paper_*.

    python benchmarks/direct_paper.py elbo --data FOLDER
    python benchmarks/direct_paper.py table --data FOLDER [--names NAME ...] [--splits N]
                                            [--basis kernel|fourier]
                                            [--prior NAME] [--scale elbo|auto|ridge]

FOLDER (or the variable SKPC_DATA) holds uci/<name>.npz with X, y and test_mask. `elbo` draws the
ELBO against iterations and seconds and says on how many states it is exact; `table` measures test
errors, on the basis of `direct_recipe.py` (which says why), or, with `--basis fourier`, on random
Fourier features, whose prior and steps the other options choose. Seconds are those of one core:
set OMP_NUM_THREADS=1.
"""

import argparse
import os
import time
import warnings
from dataclasses import replace

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from direct import RESULTS, clock, load, scaled, write
from direct_published import published_path
from direct_recipe import choose_kernel, choose_options, deviations, principal_functions, views
from direct_sampled import reinforce, reparam
from scipy.optimize import minimize
from scipy.spatial.distance import pdist
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_score

from skpc.direct.moments import Source, collect_blocks, map_blocks, standardise
from skpc.direct.solve import (
    Options,
    mean_field,
    solve_mean_field,
    solve_mixture,
    solve_regression,
    state_at_zero,
)

N_FEATURES = 2000
FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)
SCORE = "neg_mean_squared_error"
OPTIONS = Options(4, "uniform", None, 15, None, "auto", 1000, 1e-6)
# How steps are chosen, as `weight_scale` names it.
SCALES = {"elbo": None, "auto": "steps", "ridge": "powers"}


def lengthscales(x, y, seed, n_rows=500, max_iter=100):
    """One lengthscale a column, (D,): those of a Gaussian process on some training rows."""
    rows = np.random.RandomState(seed).permutation(len(y))[:n_rows]
    x, y = x[rows], (y[rows] - y[rows].mean()) / y[rows].std()
    n_columns = x.shape[1]
    kernel = RBF(np.full(n_columns, np.sqrt(n_columns)), (1e-2, 1e4)) + WhiteKernel(0.1, (1e-5, 1))

    def optimise(negative, start, bounds):
        options = {"maxiter": max_iter}
        result = minimize(negative, start, jac=True, bounds=bounds, options=options)
        return result.x, result.fun

    with warnings.catch_warnings():
        # A column without effect has a lengthscale at its upper bound.
        warnings.simplefilter("ignore", ConvergenceWarning)
        process = GaussianProcessRegressor(kernel, optimizer=optimise).fit(x, y)
    return process.kernel_.k1.length_scale


def recipe(x, y, seed, n_rows=1500, n_features=500):
    """The lengthscales that predict best in three folds of some training rows, (D,).

    Tried are factors of the median distance, alike for all columns, and those of the Gaussian
    process; each with ridge regression on random features, its penalty by leaving one out.
    """
    rows = np.random.RandomState(seed).permutation(len(y))[:n_rows]
    median = np.median(pdist(x[rows[:500]]))
    tried = [np.full(x.shape[1], f * median) for f in FACTORS] + [lengthscales(x, y, seed)]
    errors = []
    for scales in tried:
        sampler = RBFSampler(gamma=0.5, n_components=n_features, random_state=seed)
        z = sampler.fit_transform(x[rows] / scales)
        ridge = RidgeCV(np.logspace(-6, 3, 19))
        errors.append(-cross_val_score(ridge, z, y[rows], cv=3, scoring=SCORE).mean())
    return tried[int(np.argmin(errors))]


def prepare(folder, name, k, n_features=N_FEATURES):
    """Scaled rows of one split, their targets, test rows, and a fitted map of features."""
    x, y, masks = load(folder, name)
    test = masks[:, k]
    (u,) = scaled(x[~test], x)
    u /= recipe(u[~test], y[~test], k)
    sampler = RBFSampler(gamma=0.5, n_components=n_features, random_state=k).fit(u)
    return u, y, test, sampler.transform


def moments_of(u, y, feature_map, n_features=N_FEATURES):
    moments = collect_blocks(Source(u, y, np.ones(len(y)), feature_map, n_features), "cpu")
    return standardise(moments, True)


def test_error(data, coef, u, y, feature_map):
    """RMSE of weights in standard units, in the units of y."""
    weights = coef / data.x_scale * data.y_scale
    mean = map_blocks(lambda z: (z - data.x_mean) @ weights, u, feature_map, len(coef))
    return float(np.sqrt(np.mean((mean + data.y_mean - y) ** 2)))


def prepare_kernel(folder, name, k):
    """As `prepare`, with the principal functions of a kernel."""
    x, y, masks = load(folder, name)
    test = masks[:, k]
    form, kernel = choose_kernel(x[~test], y[~test], k)
    print(name, k, form, kernel.order, np.round(kernel.scales[:8], 2), flush=True)
    u = views(x[~test], x)[form]
    return u, y, test, principal_functions(kernel, u[~test], k, N_FEATURES)


def mixture(solved, options, weight):
    """Five components that start from a mean-field posterior."""
    return solve_mixture(
        solved,
        5,
        sampling=False,
        max_iter=options.max_iter,
        tol=min(options.tol * weight, 1e-4),
        random=np.random.RandomState(0),
    )


def one_split(folder, name, k, options, basis):
    """Errors, zeros and seconds: the mean-field, the mixture, the continuous posterior."""
    prepared = prepare_kernel if basis == "kernel" else prepare
    u, y, test, feature_map = prepared(folder, name, k)
    n_features = feature_map(u[:1]).shape[1]
    data, moment_seconds = clock(lambda: moments_of(u[~test], y[~test], feature_map, n_features))
    step_seconds = 0.0
    if basis == "kernel":
        options, step_seconds = clock(lambda: choose_options(data, options))
    row = [n_features, moment_seconds]
    solved, seconds = clock(lambda: solve_regression(data, options, np.random.RandomState(0)))
    mixed, more = clock(lambda: mixture(solved, options, data.weight))
    used = (step_seconds + seconds, step_seconds + seconds + more)
    for solution, total in zip((solved, mixed), used, strict=True):
        q = solution.posterior
        zeros = q.weights @ q.probabilities[:, :, len(solution.problem.codes) // 2].mean(axis=1)
        error = test_error(data, q.weights @ q.mean, u[test], y[test], feature_map)
        row += [error, zeros, solution.elbo, total]
    # The continuous prior is as wide as the process's, or as the uniform one on the chosen grid.
    wide = deviations(data)
    if basis == "fourier":
        wide = np.sqrt(np.mean(solved.problem.step**2) * np.mean(solved.problem.codes**2))
    coef, seconds = clock(lambda: reparam(data, wide))
    row += [test_error(data, coef, u[test], y[test], feature_map), seconds]
    print(name, k, np.round(row, 4), flush=True)
    return row


FOURIER = [
    f"{N_FEATURES} random Fourier features. Lengthscales: those that predict best in three",
    "folds of up to 1,500 training rows, of 1/4, 1/2, 1, 2 and 4 times the median distance for",
    "all columns and those of a Gaussian process on 500 training rows (one a column).",
    "REPARAM's prior is as wide as the uniform one on the chosen grid.",
]
KERNEL = [
    f"the principal functions of a kernel on up to {N_FEATURES:,} training rows, which is the best",
    "of twelve Gaussian processes on held-out training rows (benchmarks/direct_recipe.py). Prior:",
    "90 % at zero, the other codes alike. Steps: of the prior variances of the process, or of its",
    "posterior, by the ELBO; the search is part of the seconds. REPARAM's prior has the process's",
    "variances.",
]


def table(arguments):
    options = replace(OPTIONS, prior=arguments.prior, near_ridge=SCALES[arguments.scale])
    head = [
        "Test RMSE in the stored units of y, mean over splits, with",
        *(KERNEL if arguments.basis == "kernel" else FOURIER),
        "4 bits, 15 noise levels. Functions: their number. Zeros: expected share among drawn",
        "weights. Gain: nats of the mixture's bound above mean-field's. REPARAM: a normal",
        "mean-field posterior by reparameterised gradients, 5,000 steps of Adam on the same",
        "moments. Seconds are those of one core without reading rows, which all share",
        "('moments'); the mixture's include its mean-field start.",
        "",
        "| table | splits | functions | mean-field | zeros | seconds | 5-mixture | zeros | gain | "
        "seconds | REPARAM | seconds | moments (s) |",
        "| --- " * 13 + "|",
    ]
    rows = {name: [] for name in arguments.names}
    for k in range(arguments.splits):
        for name in arguments.names:
            rows[name].append(one_split(arguments.data, name, k, options, arguments.basis))
        lines = [line_of(name, splits) for name, splits in rows.items()]
        title = "DIRECT: the paper's table of errors"
        write(arguments.output or "paper_table", title, [*head, *lines])


def line_of(name, rows):
    """A line of the table: means over the splits so far."""
    n, moments, mf, mf_zeros, mf_elbo, mf_s, mix, mix_zeros, elbo, mix_s, cont, cont_s = np.mean(
        rows, axis=0
    )
    return (
        f"| {name} | {len(rows)} | {n:.0f} | {mf:.4g} | {mf_zeros:.1%} | {mf_s:.1f} | {mix:.4g} | "
        f"{mix_zeros:.1%} | {elbo - mf_elbo:.2f} | {mix_s:.1f} | {cont:.4g} | {cont_s:.1f} | "
        f"{moments:.1f} |"
    )


def traced(problem):
    """Iterations, seconds and the best ELBO so far of our solve."""
    rows, start = [(0, 0.0, float(state_at_zero(problem, 1.0).elbo[0]))], time.process_time()
    before = mean_field.climb, mean_field.sweep

    def note(state, n):
        best = max(rows[-1][2], float(state.elbo[0]))
        rows.append((rows[-1][0] + n, time.process_time() - start, best))

    def climb(*arguments):
        state, n = before[0](*arguments)
        note(state, n)
        return state, n

    def sweep(*arguments):
        state = before[1](*arguments)
        note(state, 1)
        return state

    mean_field.climb, mean_field.sweep = climb, sweep
    try:
        solve_mean_field(problem)
    finally:
        mean_field.climb, mean_field.sweep = before
    return np.array(rows)


def elbo(arguments):
    u, y, test, feature_map = prepare(arguments.data, "gas", 0)
    data = moments_of(u[~test], y[~test], feature_map)
    problem = solve_regression(
        data, replace(OPTIONS, noise_range=(1e-3, 4.0)), np.random.RandomState(0)
    ).problem
    curves = {
        "DIRECT, ours": traced(problem),
        "DIRECT, as published": published_path(problem, 1e-13),
    }
    for n_draws, n_steps in ((1, 10_000), (10, 3_000)):
        runs = [reinforce(problem, n_draws, n_steps, size) for size in (0.003, 0.01, 0.03, 0.1)]
        name = f"REINFORCE, {n_draws} sample" + "s" * (n_draws > 1)
        curves[name] = max(runs, key=lambda run: run[-1, 2])
    _draw(curves)
    _, seconds = clock(lambda: [state_at_zero(problem, 1.0) for _ in range(20)])
    digits = int(np.floor(len(problem.step) * np.log10(len(problem.codes))))
    lines = [
        f"gas, split 0, {len(problem.step)} random Fourier features, 4 bits, the same mean-field",
        "posterior, prior and grids for all. REINFORCE: score-function gradients by Adam with the",
        "running mean as control variate, the best of 4 step sizes by its last ELBO. All ELBOs are",
        "exact. Seconds are those of one core; those of exact ELBOs along the sampled runs are not",
        "counted. Figure: direct_paper_elbo.png.",
        "",
        "| way | iterations | seconds | last ELBO | seconds to 99 % of ours |",
        "| --- | --- | --- | --- | --- |",
    ]
    first, best = curves["DIRECT, ours"][[0, -1], 2]
    for name, curve in curves.items():
        reached = curve[curve[:, 2] >= first + 0.99 * (best - first), 1]
        when = f"{reached[0]:.2f}" if len(reached) else "never"
        n, used, last = curve[-1]
        lines.append(f"| {name} | {n:.0f} | {used:.2f} | {last:.1f} | {when} |")
    lines += [
        "",
        f"The posterior has {len(problem.codes)}^{len(problem.step)} > 10^{digits} states of the",
        f"weights; one exact ELBO over all of them takes {1000 * seconds / 20:.1f} ms.",
    ]
    write("paper_elbo", "DIRECT: exact against sampled ELBOs", lines)


def _draw(curves):
    """ELBO against iterations and seconds."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), sharey=True, layout="constrained")
    for axis, column, label in zip(axes, (0, 1), ("iterations", "seconds"), strict=True):
        for name, curve in curves.items():
            axis.plot(np.maximum(curve[:, column], (1, 1e-2)[column]), -curve[:, 2], label=name)
        axis.set(xscale="log", yscale="log", xlabel=label)
    axes[0].set_ylabel("- ELBO (nats)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    figure.savefig(RESULTS / "direct_paper_elbo.png", dpi=120)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["elbo", "table"])
    parser.add_argument("--data", default=os.environ.get("SKPC_DATA"))
    parser.add_argument("--names", nargs="+", default=["autos", "gas", "protein"])
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--basis", default="kernel", choices=["kernel", "fourier"])
    parser.add_argument("--prior", default="uniform")
    parser.add_argument("--scale", default="elbo", choices=SCALES)
    parser.add_argument("--output", help="name of the results file, direct_<name>.md")
    arguments = parser.parse_args()
    {"elbo": elbo, "table": table}[arguments.what](arguments)
