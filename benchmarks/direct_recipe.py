"""Basis, prior and steps of the DIRECT paper's table: the recipe of `direct_paper.py table`.

Random Fourier features spend 2,000 functions on all frequencies alike, and overlap so much that
independent factors must hide it in large variances. The principal functions of a kernel on up to
2,000 training rows (Nystroem's method) lose less of it, are orthogonal on those rows, and come
with a variance each, from which the steps of the grid follow. All is chosen by training rows:

1. a Gaussian process is fitted for each of three kernels, with one lengthscale for all columns
   or one a column, on standardised columns or on their normal quantiles (some columns have
   outliers of fifty standard deviations); it adds a linear part, and its log lengthscales are held
   near their mean (few rows, many columns: free ones overfit). The best on held-out training rows
   is kept;
2. a weight's step is such that the prior has the variance of the process, times a factor for all
   weights, or the power of two that just reaches what the process knows of the weight: its
   posterior mean and some standard deviations. The highest ELBO decides, over both kinds;
3. the prior's mass at zero is given, 0.9: for sparsity, not for the error. Posteriors keep some
   60 % (protein) to 85 % (gas) of zeros under it; the error hardly depends on it.

Axes: N rows, D columns, M landmarks, B functions, K codes.
"""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
from scipy.linalg import eigh
from scipy.optimize import minimize
from sklearn.model_selection import KFold
from sklearn.preprocessing import QuantileTransformer

from skpc.direct.solve import best_ridge, problem_on_grid, solve_mean_field

MASS_AT_ZERO = 0.9
# Bessel order of a Matern kernel; None stands for the limit, the squared exponential.
ORDERS = (0.5, 1.5, None)
FORMS = ("standardised", "normal quantiles")
# Beyond, normal quantiles tell nothing: there are no training rows.
FARTHEST = 3.5
FACTORS = 2.0 ** np.arange(-1.0, 1.5, 0.5)
REACHES = (0.5, 1.0, 2.0)
# Widths of the normal priors of hyperparameters: mean log lengthscale, deviations from it, log
# variances of the kernel, the linear part and the noise.
WIDTHS = (2.0, 1.4, 3.0, 4.0, 3.0)


@dataclass(frozen=True)
class Kernel:
    """variance k(|x - x'| / scales) + linear x'x' / D, and the noise beside them."""

    order: float | None
    scales: np.ndarray
    variance: float
    linear: float
    noise: float

    def __call__(self, a, b):
        """Covariances (N, M) of rows (N, D) and (M, D)."""
        a, b, scales = torch.as_tensor(a), torch.as_tensor(b), torch.as_tensor(self.scales)
        return covariance(self.order, a, b, scales, self.variance, self.linear).numpy()

    def predict(self, x, y, new):
        """Mean of the process at new rows, from rows that it learns from."""
        covariances = self(x, x) + self.noise * np.eye(len(x))
        return y.mean() + self(new, x) @ np.linalg.solve(covariances, y - y.mean())


def covariance(order, a, b, scales, variance, linear):
    u, v = a / scales, b / scales
    squares = u.square().sum(1)[:, None] + v.square().sum(1) - 2 * u @ v.T
    squares = squares.clamp_min(1e-12)
    if order is None:
        k = torch.exp(-0.5 * squares)
    elif order == 0.5:
        k = torch.exp(-squares.sqrt())
    else:
        distance = (3 * squares).sqrt()
        k = (1 + distance) * torch.exp(-distance)
    return variance * k + linear * (a @ b.T) / a.shape[1]


def fit_kernel(x, y, order, one_scale, n_rows=400, max_iter=40):
    """The kernel with the highest penalised marginal likelihood on the first rows."""
    rows, target = torch.as_tensor(x[:n_rows]), torch.as_tensor(y[:n_rows])
    spread = target.std()
    target = (target - target.mean()) / spread
    n, n_columns = rows.shape
    n_scales = 1 if one_scale else n_columns
    center = 0.5 * np.log(n_columns)

    def loss(parameters):
        p = torch.tensor(parameters, requires_grad=True)
        logs, (variance, linear, noise) = p[:n_scales], p[n_scales:]
        scales = logs.exp().expand(n_columns)
        k = covariance(order, rows, rows, scales, variance.exp(), linear.exp())
        root = torch.linalg.cholesky(k + (noise.exp() + 1e-6) * torch.eye(n, dtype=k.dtype))
        solved = torch.linalg.solve_triangular(root, target[:, None], upper=False)
        value = 0.5 * solved.square().sum() + root.diagonal().log().sum()
        mean = logs.mean()
        gaps = (mean - center, logs - mean, variance, linear, noise + 2.5)
        value = value + sum(
            0.5 * (gap / w).square().sum() for gap, w in zip(gaps, WIDTHS, strict=True)
        )
        value.backward()
        return value.item(), p.grad.numpy()

    start = np.append(np.full(n_scales, center), [0.0, -3.0, -2.5])
    bounds = [(-4, 10)] * n_scales + [(-6, 5), (-12, 5), (-12, 2)]
    options = {"maxiter": max_iter}
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    variance, linear, noise = np.exp(best[n_scales:]) * float(spread) ** 2
    scales = np.broadcast_to(np.exp(best[:n_scales]), n_columns).copy()
    return Kernel(order, scales, variance, linear, noise + 1e-6 * float(spread) ** 2)


def views(train, rows):
    """Two forms of rows (N, D), both learned from training rows."""
    varying = np.ptp(train, axis=0) > 0
    train, rows = train[:, varying], rows[:, varying]
    standardised = (rows - train.mean(axis=0)) / train.std(axis=0)
    ranks = QuantileTransformer(
        n_quantiles=min(200, len(train)), output_distribution="normal", random_state=0
    ).fit(train)
    quantiles = np.clip(ranks.transform(rows), -FARTHEST, FARTHEST)
    return {"standardised": standardised, "normal quantiles": quantiles}


def choose_kernel(x, y, seed, n_rows=2000):
    """A form of rows x (N, D), and a kernel on it, that predict held-out training rows best.

    In 5 folds of few rows, in 3 of many.
    """
    folds = KFold(5 if len(y) < 1000 else 3, shuffle=True, random_state=seed)
    rows = np.random.RandomState(seed).permutation(len(y))[:n_rows]
    x, y = x[rows], y[rows]
    tried = list(product(FORMS, ORDERS, (True, False)))
    errors = np.zeros(len(tried))
    for train, held_out in folds.split(x):
        forms = views(x[train], x)
        for i, (form, order, one_scale) in enumerate(tried):
            u = forms[form]
            kernel = fit_kernel(u[train], y[train], order, one_scale)
            predicted = kernel.predict(u[train], y[train], u[held_out])
            errors[i] += np.sum((predicted - y[held_out]) ** 2)
    form, order, one_scale = tried[int(np.argmin(errors))]
    return form, fit_kernel(views(x, x)[form], y, order, one_scale, n_rows=1000)


def principal_functions(kernel, x, seed, n_functions):
    """The map of rows (N, D) to the functions (N, B), which have the process's variances."""
    landmarks = x[np.random.RandomState(seed).permutation(len(x))[:n_functions]]
    values, vectors = eigh(kernel(landmarks, landmarks))
    kept = values > 1e-10 * values[-1]
    projection = vectors[:, kept] / np.sqrt(values[kept])
    return lambda rows: kernel(rows, landmarks) @ projection


def sparse_prior(n_codes, mass=MASS_AT_ZERO):
    """Log probabilities (K,): a mass at zero, the other codes alike."""
    prior = np.full(n_codes, (1 - mass) / (n_codes - 1))
    prior[n_codes // 2] = mass
    return np.log(prior)


def deviations(data):
    """Prior standard deviations (B,) of standardised weights: all functions have variance 1."""
    return data.x_scale / data.y_scale


def process_posterior(data):
    """Means and standard deviations (B,) of the weights under the process, both standardised."""
    unit = deviations(data)
    gram = data.gram * unit
    gram *= unit[:, None]
    scaled = replace(data, gram=gram, moment=data.moment * unit)
    # The landmarks' process has more noise than the whole one: the evidence says how much.
    ridge = best_ridge(scaled, np.ones(len(unit)))
    gram[np.diag_indices_from(gram)] += ridge.penalty
    inverse = np.linalg.inv(gram)
    return unit * (inverse @ scaled.moment), unit * np.sqrt(ridge.noise * np.diag(inverse))


def choose_options(data, options):
    """Options with the prior and the steps of the recipe."""
    largest = 2 ** (options.n_bits - 1) - 1
    codes = np.arange(-largest, largest + 1)
    prior = sparse_prior(len(codes))
    unit = deviations(data) / np.sqrt(np.exp(prior) @ codes**2)
    mean, deviation = process_posterior(data)
    steps = [factor * unit for factor in FACTORS]
    for reach in REACHES:
        steps.append(2.0 ** np.ceil(np.log2((np.abs(mean) + reach * deviation) / largest)))
    tried = [replace(options, prior=prior, step=step) for step in steps]
    problems = [problem_on_grid(data, each) for each in tried]
    coarse = {"max_iter": 200, "tol": 1e-4, "coarse": True}
    bounds = [solve_mean_field(problem, **coarse).elbo for problem in problems]
    return tried[int(np.argmax(bounds))]
