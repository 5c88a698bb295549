"""DIRECT side by side with its peers; the results are in benchmarks/results/direct_*.md.

    python benchmarks/direct.py solvers --data FOLDER
    python benchmarks/direct.py rmse --data FOLDER
    python benchmarks/direct.py ridge --data FOLDER
    python benchmarks/direct.py reach --data FOLDER
    python benchmarks/direct.py memory

FOLDER (or the variable SKPC_DATA) holds uci/<name>.npz with X, y and test_mask.
"""

import argparse
import os
import resource
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from direct_published import published
from joblib import Parallel, delayed
from machine import header
from scipy.spatial.distance import pdist
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import ARDRegression, BayesianRidge
from sklearn.model_selection import ParameterGrid, train_test_split

from skpc import DirectBayesianRegressor
from skpc.direct import collect
from skpc.direct.moments import standardise
from skpc.direct.solve import (
    Options,
    plain_grid,
    solve_mean_field,
    solve_regression,
    state_at_zero,
    sweep,
)

SCIPY_FTOL = 2.2e-9
REACHES = (0.0, 0.5, 1.0, 2.0)
RESULTS = Path(__file__).parent / "results"


def load(folder, name):
    stored = np.load(Path(folder) / "uci" / f"{name}.npz")
    return stored["X"].astype(float), stored["y"].ravel().astype(float), stored["test_mask"]


def scaled(train, *tables):
    """Tables in standard units of the training table."""
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[std == 0] = 1.0
    return [(table - mean) / std for table in tables]


def sampler(x, factor, n_features, seed):
    """Random Fourier features whose lengthscale is a factor times the median distance."""
    length = factor * np.median(pdist(x[:500]))
    return RBFSampler(gamma=0.5 / length**2, n_components=n_features, random_state=seed)


def write(name, title, lines):
    """A results file, headed by what it was measured with."""
    head = [f"# {title}", "", header(torch.get_num_threads()), ""]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"direct_{name}.md").write_text("\n".join([*head, *lines, ""]))
    print("\n".join(lines))


def clock(function):
    """What a function returns, and the seconds of one core that it took."""
    start = time.process_time()
    out = function()
    return out, time.process_time() - start


def only_sweeps(problem, max_sweeps=200):
    """One coordinate at a time, and nothing else, until a sweep gains less than 1e-6 a row."""
    state = state_at_zero(problem, problem.weight / problem.square)
    for n_sweeps in range(1, max_sweeps + 1):
        before, state = state, sweep(problem, state)
        if state.elbo[0] - before.elbo[0] < 1e-6 * problem.weight:
            return float(state.elbo[0]), n_sweeps
    return float(state.elbo[0]), max_sweeps


def seconds_to(problem, target):
    """Shortest run of ours, of those cut off after so many iterations, that beats a bound."""
    for max_iter in (10, 20, 40, 80, 160, 320, 640, 1000):
        solution, seconds = clock(
            lambda n=max_iter: solve_mean_field(problem, max_iter=n, coarse=True)
        )
        if solution.elbo > target:
            return seconds
    return float("nan")


def solvers(folder):
    lines = [
        "b = 2,000 random Fourier features, 4 bits, uniform prior, 15 noise levels from 1e-3 to 4",
        "times the variance of y: the same problem for all. The middle step is the one that ours",
        "chooses by the ELBO. 'to theirs': seconds until the bound at which the published way",
        "stops by SciPy's tolerance. Ours ends at its fixed point to 1e-12, which compares with",
        "theirs 'to the end', a relative tolerance of 1e-13. One coordinate at a time: 200 sweeps",
        "at most. Seconds are those of one core.",
        "",
        "| table | rows | step | solver | ELBO | seconds | iterations | to theirs (s) |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in ("gas", "protein"):
        x, y, masks = load(folder, name)
        x, y = scaled(x[~masks[:, 0]], x[~masks[:, 0]])[0], y[~masks[:, 0]]
        z = sampler(x, 1.0, 2000, 0).fit_transform(x)
        data = standardise(collect(z, y, np.ones(len(y))), True)
        options = Options(4, "uniform", None, 15, (1e-3, 4.0), "auto", 1000, 1e-6)
        chosen = solve_regression(data, options, np.random.RandomState(0)).problem
        for factor in (0.5, 1.0, 2.0):
            problem = chosen.with_grid(step=chosen.step * factor)
            (theirs, n_theirs), seconds = clock(lambda p=problem: published(p, SCIPY_FTOL))
            (tight, n_tight), tight_seconds = clock(lambda p=problem: published(p, 1e-13))
            ours, our_seconds = clock(lambda p=problem: solve_mean_field(p))
            (sweeps, n_sweeps), sweep_seconds = clock(lambda p=problem: only_sweeps(p))
            rows = [
                ("ours", ours.elbo, our_seconds, ours.n_iter, seconds_to(problem, theirs)),
                ("published, SciPy's tolerance", theirs, seconds, n_theirs, seconds),
                ("published, to the end", tight, tight_seconds, n_tight, float("nan")),
                ("one coordinate at a time", sweeps, sweep_seconds, n_sweeps, float("nan")),
            ]
            for solver, value, used, n, reach in rows:
                lines.append(
                    f"| {name} | {len(y)} | {problem.step[0]:.5f} | {solver} | {value:.1f} | "
                    f"{used:.2f} | {n} | {reach:.2f} |"
                )
    write("solvers", "DIRECT: solvers side by side", lines)


def rmse(model, z, y, test):
    return float(np.sqrt(np.mean((model.predict(z[test]) - y[test]) ** 2)))


def choose_length(x, y, n_features, seed):
    """The lengthscale with which BayesianRidge predicts a fifth of the training rows best."""
    fit_rows, held = train_test_split(np.arange(len(y)), test_size=0.2, random_state=seed)
    errors = {}
    for factor in (0.25, 0.5, 1.0, 2.0):
        z = sampler(x[fit_rows], factor, n_features, seed).fit(x).transform(x)
        errors[factor] = rmse(BayesianRidge().fit(z[fit_rows], y[fit_rows]), z, y, held)
    return min(errors, key=errors.get)


def choose_grid(z, y, seed):
    """Step and noise with which ours predicts a fifth of the training rows best."""
    fit_rows, held = train_test_split(np.arange(len(y)), test_size=0.2, random_state=seed)
    spread = y[fit_rows].std()
    candidates = ParameterGrid({"power": range(-8, -3), "noise": [5e-3, 5e-2, 3e-1]})

    def model(choice):
        around = choice["noise"] * spread**2 * np.array([0.99, 1.01])
        return DirectBayesianRegressor(
            weight_scale=2.0 ** choice["power"] * spread,
            noise_range=tuple(around),
            n_noise_levels=2,
            max_iter=300,
            random_state=0,
        )

    errors = [rmse(model(c).fit(z[fit_rows], y[fit_rows]), z, y, held) for c in candidates]
    return model(candidates[int(np.argmin(errors))])


def split(folder, name, k, n_features):
    """Features (n, B), targets (n,) and test rows (n,) of one split, and the lengthscale."""
    x, y, masks = load(folder, name)
    test = masks[:, k]
    (u,) = scaled(x[~test], x)
    factor = choose_length(u[~test], y[~test], n_features, k)
    z = sampler(u[~test], factor, n_features, k).fit(u).transform(u)
    return z, y, test, factor


def one_split(folder, name, k, n_features):
    """Test RMSE of all four, and the share of zeros of both of ours."""
    warnings.simplefilter("ignore")  # of ARDRegression's convergence
    z, y, test, factor = split(folder, name, k, n_features)
    train = z[~test], y[~test]
    tuned = choose_grid(*train, k).fit(*train)
    auto = DirectBayesianRegressor(weight_scale="elbo", random_state=0).fit(*train)
    models = [BayesianRidge().fit(*train), ARDRegression().fit(*train), auto, tuned]
    errors = [rmse(model, z, y, test) for model in models]
    print(
        name, k, factor, np.round([*errors, tuned.weight_scale], 4), tuned.noise_range, flush=True
    )
    return [*errors, auto.sparsity_, tuned.sparsity_]


def accuracy(folder, n_features=500, n_splits=10):
    lines = [
        f"Mean test RMSE over {n_splits} splits with {n_features} random Fourier features, the",
        "same for all four. Lengthscales are those with which BayesianRidge predicts a held-out",
        "fifth of the training rows best. 'ours, ELBO': weight_scale=\"elbo\", 4 bits, else by",
        "default. 'ours, held out':",
        "step and noise variance chosen on that fifth, as a user would by GridSearchCV.",
        "Bytes are those of one weight vector: one code of 4 bits a weight against float64.",
        "",
        "| table | BayesianRidge | ARD | ours, ELBO | ratio | ours, held out | ratio | zeros, "
        "ELBO | zeros, held out | bytes ours / float64 |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    names = ("concrete", "energy", "airfoil", "yacht", "housing")
    jobs = [(name, k) for name in names for k in range(n_splits)]
    work = (delayed(one_split)(folder, name, k, n_features) for name, k in jobs)
    rows = np.reshape(Parallel(n_jobs=2, verbose=10)(work), (len(names), n_splits, -1))
    for name, splits in zip(names, rows, strict=True):
        ridge, ard, default, held, zeros, zeros_held = np.mean(splits, axis=0)
        lines.append(
            f"| {name} | {ridge:.4g} | {ard:.4g} | {default:.4g} | {default / ridge:.3f} | "
            f"{held:.4g} | {held / ridge:.3f} | {zeros:.1%} | {zeros_held:.1%} | "
            f"{n_features // 2} / {8 * n_features} |"
        )
    write("rmse", "DIRECT: accuracy at 4 bits", lines)


def weight_bytes(model):
    """Bytes of one weight vector: codes, and the exponents of their features' steps."""
    steps = np.atleast_1d(model.weight_scale_)
    # Packed, the mantissa of a step is part of its input's scale.
    exponents = np.ceil(np.log2(steps / steps.min()) - 1e-9)
    bits = model.n_bits + np.ceil(np.log2(exponents.max() + 1))
    return bits * len(model.coef_) / 8


def near_split(folder, name, k, n_features):
    """Test RMSE of BayesianRidge and ours; of ours zeros, coverage, bytes and seconds as well."""
    z, y, test, _ = split(folder, name, k, n_features)
    train = z[~test], y[~test]
    ridge, ridge_seconds = clock(lambda: BayesianRidge().fit(*train))
    near = DirectBayesianRegressor(weight_scale="ridge", random_state=0)
    near, seconds = clock(lambda: near.fit(*train))
    errors = [rmse(model, z, y, test) for model in (ridge, near)]
    mean, std = near.predict(z[test], return_std=True)
    inside = np.mean(np.abs(y[test] - mean) < 1.645 * std)
    print(name, k, np.round([*errors, seconds], 4), flush=True)
    return [*errors, near.sparsity_, inside, weight_bytes(near), seconds, ridge_seconds]


def near_ridge(folder, n_features=500, n_splits=10):
    lines = [
        f"Mean test RMSE over {n_splits} splits with the {n_features} random Fourier features and",
        'lengthscales of direct_rmse.md. Ours: weight_scale="ridge", 4 bits, else by default;',
        "nothing is held out. 'within': test rows inside the predictive interval of 90 %. Bytes",
        "are those of one weight vector: codes of 4 bits and the exponents of the features'",
        "steps, against float64. Seconds are those of one core for one fit. Of the constants in",
        "skpc/direct/solve/plain_grid.py `REACH` was chosen on held-out training rows",
        "(direct_reach.md), `FLOORS` while the errors of splits 0 to 4 were in view.",
        "",
        "| table | BayesianRidge | ours | ratio | zeros | within | bytes ours / float64 | "
        "seconds ours | seconds BayesianRidge |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    names = ("concrete", "energy", "airfoil", "yacht", "housing")
    jobs = [(name, k) for name in names for k in range(n_splits)]
    work = (delayed(near_split)(folder, name, k, n_features) for name, k in jobs)
    rows = np.reshape(Parallel(n_jobs=2, verbose=10)(work), (len(names), n_splits, -1))
    for name, splits in zip(names, rows, strict=True):
        ridge, ours, zeros, inside, n_bytes, seconds, ridge_seconds = np.mean(splits, axis=0)
        lines.append(
            f"| {name} | {ridge:.4g} | {ours:.4g} | {ours / ridge:.3f} | {zeros:.1%} | "
            f"{inside:.1%} | {n_bytes:.0f} / {8 * n_features} | {seconds:.2f} | "
            f"{ridge_seconds:.2f} |"
        )
    write("ridge", "DIRECT: accuracy at 4 bits near ridge regression", lines)


def held_out(folder, name, k, seed, n_features):
    """RMSE on a fifth of the training rows of BayesianRidge and of ours at every reach."""
    z, y, test, _ = split(folder, name, k, n_features)
    z, y = z[~test], y[~test]
    held = np.zeros(len(y), dtype=bool)
    held[np.random.RandomState(seed).permutation(len(y))[: len(y) // 5]] = True
    errors = [rmse(BayesianRidge().fit(z[~held], y[~held]), z, y, held)]
    before = plain_grid.REACH
    for plain_grid.REACH in REACHES:
        model = DirectBayesianRegressor(weight_scale="ridge", random_state=0)
        errors.append(rmse(model.fit(z[~held], y[~held]), z, y, held))
    plain_grid.REACH = before
    return errors


def reach(folder, n_features=500):
    lines = [
        'How far a step reaches with weight_scale="ridge" (`REACH` in',
        "skpc/direct/solve/plain_grid.py), in posterior standard deviations beyond the weight.",
        "Mean RMSE over BayesianRidge's on a held-out fifth of the training rows, three times for",
        "each of 10 splits; no test row is used. Features as in direct_ridge.md.",
        "",
        f"| table | {' | '.join(map(str, REACHES))} |",
        "| --- " * (1 + len(REACHES)) + "|",
    ]
    ratios = []
    for name in ("concrete", "energy", "airfoil", "yacht", "housing"):
        jobs = [(name, k, 10 * k + seed) for k in range(10) for seed in range(3)]
        work = (delayed(held_out)(folder, *job, n_features) for job in jobs)
        means = np.mean(Parallel(n_jobs=2)(work), axis=0)
        ratios.append(means[1:] / means[0])
        lines.append(f"| {name} | {' | '.join(f'{r:.3f}' for r in ratios[-1])} |")
    mean = np.exp(np.mean(np.log(ratios), axis=0))
    lines.append(f"| geometric mean | {' | '.join(f'{r:.3f}' for r in mean)} |")
    write("reach", "DIRECT: reach of the steps near ridge regression", lines)


def memory(_):
    random = np.random.RandomState(0)
    x = random.standard_normal((1_000_000, 5))
    y = np.sin(x).sum(axis=1) + 0.3 * random.standard_normal(len(x))
    rbf = RBFSampler(gamma=0.1, n_components=2000, random_state=0)
    model = DirectBayesianRegressor(feature_map=rbf, random_state=0)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    _, fit_seconds = clock(lambda: model.fit(x, y))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    _, predict_seconds = clock(lambda: model.predict(x[:100_000], return_std=True))
    lines = [
        "1,000,000 simulated rows of 5 columns through RBFSampler(n_components=2000), fitted by",
        "default settings; the features would fill 15.3 GiB.",
        "",
        "| | |",
        "| --- | --- |",
        f"| peak memory above the start (table loaded) | {after - before:.0f} MiB |",
        f"| fit | {fit_seconds:.0f} s |",
        f"| mean and standard deviation of 100,000 rows | {predict_seconds:.1f} s |",
        f"| R2 on the first 100,000 rows | {model.score(x[:100_000], y[:100_000]):.4f} |",
    ]
    write("memory", "DIRECT: memory of 1,000,000 rows x 2,000 features", lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["solvers", "rmse", "ridge", "reach", "memory"])
    parser.add_argument("--data", default=os.environ.get("SKPC_DATA"))
    arguments = parser.parse_args()
    experiments = {
        "solvers": solvers,
        "rmse": accuracy,
        "ridge": near_ridge,
        "memory": memory,
        "reach": reach,
    }
    experiments[arguments.what](arguments.data)
