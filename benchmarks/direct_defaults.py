"""DIRECT by default beside BayesianRidge, in benchmarks/results/direct_defaults.md and .json.

    python benchmarks/direct_defaults.py --data FOLDER [--splits N] [--variants N]

FOLDER (or the variable SKPC_DATA) holds uci/<name>.npz with X, y and test_mask. The 32 combinations
are those that the rules of `weight_scale="auto"` were chosen on: eight tables, each as raw columns,
splines, 300 random Fourier and 300 Nystroem features of standardised columns, up to 3,000 training
rows. Features of a Pipeline and of `feature_map` are compared. The other parts are simulated.
"""

import argparse
import json
import os
import warnings

import numpy as np
from direct import RESULTS, clock, load, write
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.linear_model import BayesianRidge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler

from skpc import DirectBayesianRegressor, PoorFitWarning

NAMES = ("airfoil", "concrete", "energy", "housing", "yacht", "autos", "gas", "protein")
KINDS = ("raw", "splines", "Fourier", "Nystroem")
MOST_ROWS = 3000
MASSES = (0.5, 0.9, 0.99, 0.999)


def map_of(kind, seed):
    """The map of standardised columns, unfitted."""
    return make_pipeline(
        StandardScaler(),
        *{
            "raw": [],
            "splines": [SplineTransformer()],
            "Fourier": [RBFSampler(n_components=300, random_state=seed)],
            "Nystroem": [Nystroem(n_components=300, random_state=seed)],
        }[kind],
    )


def rmse(mean, y):
    return float(np.sqrt(np.mean((mean - y) ** 2)))


def gaussian_loss(mean, std, y):
    """Negative log density of a normal predictive distribution."""
    return float(np.mean(0.5 * np.log(2 * np.pi * std**2) + 0.5 * ((y - mean) / std) ** 2))


def within(mean, std, y):
    return float(np.mean(np.abs(y - mean) < 1.6449 * std))


def spike(n_bits, mass):
    """Probabilities of the codes: a mass at zero, the others alike."""
    prior = np.full(2**n_bits - 1, (1 - mass) / (2**n_bits - 2))
    prior[len(prior) // 2] = mass
    return prior


def variants():
    """Other settings than the default, by name."""
    named = {f"{bits} bits": {"n_bits": bits} for bits in (2, 3, 6, 8)}
    named |= {f"mass {mass}": {"prior": spike(4, mass)} for mass in MASSES}
    return named | {name: {"weight_scale": name} for name in ("ridge", "elbo")}


def one_split(folder, name, kind, k, with_variants):
    """Figures of one split of one combination, by name."""
    x, y, masks = load(folder, name)
    test = masks[:, k]
    train = np.random.RandomState(k).permutation(np.flatnonzero(~test))[:MOST_ROWS]
    mapped = map_of(kind, k)
    z, new = mapped.fit_transform(x[train]), mapped.transform(x[test])
    y, target = y[train], y[test]
    theirs, their_seconds = clock(lambda: BayesianRidge().fit(z, y))
    mean, std = theirs.predict(new, return_std=True)
    error = rmse(mean, target)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PoorFitWarning)
        ours, seconds = clock(lambda: DirectBayesianRegressor(random_state=0).fit(z, y))
    our_mean, our_std = ours.predict(new, return_std=True)
    loss = -float(ours.log_predictive_density(new, target).mean())
    row = {
        "error": rmse(our_mean, target) / error,
        "loss": loss - gaussian_loss(mean, std, target),
        "within": within(our_mean, our_std, target),
        "theirs within": within(mean, std, target),
        "excess": ours.excess_error_,
        "zeros": ours.sparsity_,
        "codes alone": rmse(ours.pack(1).predict(new), target) / error,
        "8 draws": rmse(ours.pack(8, random_state=0).predict(new), target) / error,
        "warnings": len(caught),
        "seconds": seconds,
        "their seconds": their_seconds,
    }
    if not with_variants:
        return row
    inside = DirectBayesianRegressor(feature_map=map_of(kind, k), random_state=0)
    apart = np.abs(inside.fit(x[train], y).predict(x[test]) - our_mean).max()
    row["apart"] = float(apart / target.std())
    for label, options in variants().items():
        model = DirectBayesianRegressor(random_state=0, **options).fit(z, y)
        row[label] = rmse(model.predict(new), target) / error
        row[f"zeros, {label}"] = model.sparsity_
    return row


def combinations(folder, n_splits, n_variants):
    """Means over splits of every combination; variants over the first splits only."""
    means = {}
    for name in NAMES:
        for kind in KINDS:
            rows = [one_split(folder, name, kind, k, k < n_variants) for k in range(n_splits)]
            means[name, kind] = {
                key: float(np.mean([row[key] for row in rows if key in row])) for key in rows[0]
            }
            print(name, kind, means[name, kind], flush=True)
    return means


def gathered(means, key, kind=None, function=np.mean):
    return float(function([row[key] for (_, k), row in means.items() if kind in (None, k)]))


def geometric(values):
    return float(np.exp(np.mean(np.log(values))))


def combination_lines(means, n_splits):
    lines = [
        f"Means over {n_splits} splits. 'error': RMSE over BayesianRidge's on the same features.",
        "'loss': negative log predictive density less BayesianRidge's, in nats. 'within': test",
        "rows inside the interval of 90 %. 'codes alone': `pack(1)`; '8 draws': `pack(8)`. Seconds",
        "are those of one core. With the same map as `feature_map`, predictions differ by at most",
        f"{max(row['apart'] for row in means.values()):.1e} standard deviations of the target.",
        "",
        "| table | features | error | loss | within | theirs | excess_error_ | zeros | "
        "codes alone | 8 draws | seconds | theirs |",
        "| --- " * 12 + "|",
    ]
    lines[4] += f" Warnings: {sum(row['warnings'] for row in means.values()):.0f}."
    for (name, kind), row in means.items():
        lines.append(
            f"| {name} | {kind} | {row['error']:.4f} | "
            f"{row['loss']:+.4f} | {row['within']:.3f} | {row['theirs within']:.3f} | "
            f"{row['excess']:.4f} | {row['zeros']:.1%} | {row['codes alone']:.4f} | "
            f"{row['8 draws']:.4f} | {row['seconds']:.2f} | {row['their seconds']:.2f} |"
        )
    for label, function in (("geometric mean", geometric), ("worst", np.max)):
        g = {
            key: gathered(means, key, function=function)
            for key in ("error", "codes alone", "8 draws")
        }
        lines.append(
            f"| {label} | | {g['error']:.4f} | | | | | | "
            f"{g['codes alone']:.4f} | {g['8 draws']:.4f} | | |"
        )
    lines.append(
        f"| mean | | | {gathered(means, 'loss'):+.4f} | {gathered(means, 'within'):.3f} | "
        f"{gathered(means, 'theirs within'):.3f} | {gathered(means, 'excess'):.4f} | "
        f"{gathered(means, 'zeros'):.1%} | | | {gathered(means, 'seconds'):.2f} | "
        f"{gathered(means, 'their seconds'):.2f} |"
    )
    return lines


def variant_lines(means, n_variants):
    lines = [
        "",
        f"Other settings, {n_variants} split(s): geometric mean of the error over BayesianRidge's,",
        "the worst of the combinations, and the share of zeros in draws. 'mass': a prior that",
        "gives zero this mass and all other codes the same. The default is over all splits.",
        "",
        "| setting | " + " | ".join(f"{kind}: error, zeros" for kind in KINDS) + " | all | worst |",
        "| --- " * (len(KINDS) + 3) + "|",
    ]
    labels = [("default", "error", "zeros")]
    labels += [(label, label, f"zeros, {label}") for label in variants()]
    for label, error, zeros in labels:
        cells = [
            f"{gathered(means, error, kind, geometric):.4f}, {gathered(means, zeros, kind):.1%}"
            for kind in KINDS
        ]
        both = gathered(means, error, None, geometric), gathered(means, error, None, np.max)
        lines.append(f"| {label} | {' | '.join(cells)} | {both[0]:.4f} | {both[1]:.3f} |")
    return lines


def deviation_lines(n_tables=40):
    lines = [
        "",
        f"Deviations: share of {n_tables} x 8 true weights within 1.96 `coef_std_` of `coef_`, and",
        "within 1.96 `draw_std_`, of simulated tables (8 normal columns of a common correlation,",
        "normal weights, noise 0.7); nominal are 95 %.",
        "",
        "| rows | correlation | coef_std_ | draw_std_ |",
        "| --- | --- | --- | --- |",
    ]
    for n in (50, 200, 2000, 20_000):
        for correlation in (0.0, 0.8):
            hits = []
            for seed in range(n_tables):
                random = np.random.RandomState(seed)
                common = np.sqrt(correlation) * random.standard_normal((n, 1))
                x = common + np.sqrt(1 - correlation) * random.standard_normal((n, 8))
                coef = random.standard_normal(8)
                y = x @ coef + 0.7 * random.standard_normal(n)
                model = DirectBayesianRegressor(random_state=0).fit(x, y)
                gap = np.abs(model.coef_ - coef)
                hits.append([np.mean(gap < 1.96 * s) for s in (model.coef_std_, model.draw_std_)])
            honest, drawn = np.mean(hits, axis=0)
            lines.append(f"| {n} | {correlation} | {honest:.0%} | {drawn:.0%} |")
    return lines


def planted_lines(n_tables=20):
    lines = [
        "",
        f"Planted integers: {n_tables} tables of 5,000 x 12 normal cells, noise 0.3, weights of",
        "integers / 7; for 'a step a feature' times a power of two from 1/4 to 4 each.",
        "",
        "| planted | tables with all weights found | RMSE on new rows | without error |",
        "| --- | --- | --- | --- |",
    ]
    for label in ("one step", "a step a feature"):
        found, errors = 0, []
        for seed in range(n_tables):
            random = np.random.RandomState(seed)
            x = random.standard_normal((10_000, 12))
            coef = random.randint(-7, 8, 12) / 7
            if label != "one step":
                coef = coef * 2.0 ** random.randint(-2, 3, 12)
            y = x @ coef + 0.3 * random.standard_normal(len(x))
            model = DirectBayesianRegressor(random_state=0).fit(x[:5000], y[:5000])
            found += bool(np.all(np.abs(model.coef_ - coef) < 0.5 / 28))
            errors.append(
                [rmse(model.predict(x[5000:]), y[5000:]), rmse(x[5000:] @ coef, y[5000:])]
            )
        ours, right = np.mean(errors, axis=0)
        lines.append(f"| {label} | {found} of {n_tables} | {ours:.4f} | {right:.4f} |")
    return lines


def hard_tables(seed):
    """Tables on which rounding, or a prior, might go wrong: x, y, by name."""
    random = np.random.RandomState(seed)
    tail = random.standard_t(2, (4000, 10))
    cells = random.standard_normal((4000, 20))
    rare = {share: cells * (random.uniform(size=(4000, 20)) < share) for share in (0.003, 0.01)}
    plain = random.standard_normal((4000, 10))
    coef, noise = random.standard_normal(20), random.standard_normal(4000)
    clean = plain @ coef[:10]
    return {
        "20 rows, 10 columns": (plain, clean + noise, 20),
        "30 rows, 10 columns": (plain, clean + 0.3 * noise, 30),
        "15 rows, 10 columns": (plain, clean + noise, 15),
        "50 rows, 10 columns": (plain, clean + noise, 50),
        "30 rows, 10 columns, noise 1e-3": (plain, clean + 1e-3 * noise, 30),
        "heavy tails (t, 2 degrees)": (tail, tail @ coef[:10] + noise, 1000),
        "heavy tails, 50 rows": (tail, tail @ coef[:10] + noise, 50),
        "zero in 99 % of rows": (rare[0.01], rare[0.01] @ coef + 0.1 * noise, 1000),
        "zero in 99.7 % of rows": (rare[0.003], rare[0.003] @ coef + 0.1 * noise, 1000),
        "noise 1e-3": (plain, clean + 1e-3 * noise, 500),
        "noise 1e-5": (plain, clean + 1e-5 * noise, 500),
        "noise 1e-8": (plain, clean + 1e-8 * noise, 500),
    }


def hard_lines(n_tables=20):
    lines = [
        "",
        f"Hard tables, {n_tables} of each: RMSE on new rows over BayesianRidge's, of the mean and",
        "of the worst table; how many gave a warning, and the worst of those that gave none.",
        "",
        "| table | ratio of mean RMSE | worst | warnings | worst without |",
        "| --- | --- | --- | --- | --- |",
    ]
    results = {}
    for seed in range(n_tables):
        for name, (x, y, n) in hard_tables(seed).items():
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                ours = DirectBayesianRegressor(random_state=0).fit(x[:n], y[:n])
            theirs = BayesianRidge().fit(x[:n], y[:n])
            pair = [rmse(model.predict(x[n:]), y[n:]) for model in (ours, theirs)]
            results.setdefault(name, []).append([*pair, bool(caught)])
    for name, rows in results.items():
        ours, theirs, warned = np.array(rows).T
        silent = (ours / theirs)[warned == 0]
        worst = f"{silent.max():.3f}" if len(silent) else ""
        lines.append(
            f"| {name} | {ours.mean() / theirs.mean():.3f} | {(ours / theirs).max():.3f} | "
            f"{int(warned.sum())} | {worst} |"
        )
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=os.environ.get("SKPC_DATA"))
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--variants", type=int, default=1, help="splits of other settings")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    lines = planted_lines() + deviation_lines() + hard_lines()
    means = combinations(arguments.data, arguments.splits, arguments.variants)
    stored = {f"{name}, {kind}": row for (name, kind), row in means.items()}
    (RESULTS / "direct_defaults.json").write_text(json.dumps(stored, indent=1) + "\n")
    first = combination_lines(means, arguments.splits) + variant_lines(means, arguments.variants)
    write("defaults", "DIRECT: what the defaults give", [*first, *lines])


if __name__ == "__main__":
    main()
