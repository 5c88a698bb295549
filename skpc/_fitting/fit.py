"""From checked columns to a fitted density estimator: starts, passes, what is stored.

Axes: n rows, D columns.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import fsum, log
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from .._sklearn import PassReporter
from .._tables.frames import RawColumn
from ..circuit.components.component import Part
from ..circuit.components.latent_mixture import flat_circuit
from ..circuit.components.mixture import choose_weights
from ..circuit.passes.circuit import Circuit
from ..circuit.queries import queries
from ..circuit.training import initial
from ..circuit.training import loop as training
from ..circuit.training.arrays import from_arrays, parameters_from, to_arrays, to_numbers
from ..circuit.training.em import EMState
from ..circuit.training.loop import Options, Progress, State
from ..circuit.training.rows import Rows, blocks
from ..circuit.training.statistics import Prior
from .gaussians import fit_gaussians, gaussian_arrays, gaussian_part, n_gaussians_of
from .latent_mixture import LEAST_WEIGHT, fit_decoders, n_decoders_of
from .settings import (
    BUILT_FROM,
    MOST_HELD,
    check_unchanged,
    choose_device,
    learning_rate_of,
    make_options,
    regularises,
    smoothing_of,
    solver_of,
)
from .setup import (
    make_circuit,
    make_leaves,
    make_structure,
    make_table,
    resolve_structure,
    structure_rows,
)

Floats = NDArray[np.float64]
# Of rows: (n, D) and log Jacobian (n,).
Numbers = tuple[Floats, Floats]


def prepare(
    model: Any, X: Any, raws: list[RawColumn], weights: Floats, random: np.random.RandomState
) -> Numbers:
    """Decide columns and structure, store them, and return the rows' numbers."""
    structure, depth = resolve_structure(model.structure, model.depth, model.layer)
    learned = isinstance(structure, str) and structure == "chow_liu"
    model._table = make_table(X, raws, weights, model.leaf, model.categorical_features)
    model._spec = {
        "layer": model.layer,
        "n_sums": int(model.n_sums),
        "n_leaves": int(model.n_sums if model.n_leaves is None else model.n_leaves),
        "min_variance": float(model.min_variance),
        "learned": learned,
    }
    numbers = _numbers(model, raws)
    some = structure_rows(len(weights), random)
    model.structure_ = make_structure(
        structure,
        model._table.ordered(numbers[0][some]),
        [column.support not in ("binary", "codes") for column in model._table.columns],
        weights[some],
        depth,
        model.n_replicas,
        model.grid_shape,
        random,
    )
    model._built_from = {name: repr(getattr(model, name)) for name in BUILT_FROM}
    # Numbers of an earlier fit do not go with what has been decided now.
    for old in ("_arrays", "_cache"):
        model.__dict__.pop(old, None)
    model._flat, model._gaussians, model.mixture_weights_ = None, None, np.ones(1)
    model.leaf_families_ = [column.family_name for column in model._table.columns]
    return numbers


def go_on(model: Any, raws: list[RawColumn]) -> Numbers:
    """The rows' numbers by the stored columns, for settings that have not changed."""
    check_unchanged(model)
    return _numbers(model, raws)


def _numbers(model: Any, raws: list[RawColumn]) -> Numbers:
    """Numbers of the rows (n, D) and their log Jacobian (n,), without the rest of the table."""
    table = model._table.encode(raws)
    return table.z, model._table.log_jacobian(table)


def fit(model: Any, X: Any, raws: list[RawColumn], weights: Floats, warm: bool) -> None:
    """Fit and store; `warm` goes on from what is stored."""
    random = check_random_state(model.random_state)
    device = choose_device(model.device)
    learning_rate_of(model)
    numbers = go_on(model, raws) if warm else prepare(model, X, raws, weights, random)
    circuit = make_circuit(model.structure_, model._table, model._spec, device)
    regularise = regularises(model, len(weights))
    n_decoders = 0 if warm else n_decoders_of(model, len(weights))
    sizes = () if warm else n_gaussians_of(model, len(weights))
    beside = n_decoders > 0 or len(sizes) > 0
    hold = regularise or model.early_stopping or beside
    rows, validation = _split(model, circuit, numbers, weights, random if hold else None)
    del numbers
    watched = validation if regularise or model.early_stopping else None
    options = make_options(model, len(rows.x), warm, regularise)
    sums = marginals(circuit, rows)
    prior = initial.make_prior(circuit, sums, smoothing_of(model, warm))
    n_init = 1 if warm else model.n_init
    reporter = PassReporter(model, n_init * options.max_iter, X)
    runs = []
    for _ in range(n_init):
        start = _start(model, circuit, sums, random, warm)
        order = seeded(random)
        runs.append(_train(model, circuit, start, rows, watched, prior, options, order, reporter))
    if len(runs) > 1:
        runs.sort(key=lambda run: _objective(circuit, run, rows, prior, options))
    state, progress = runs[-1]
    of_trees = None
    if beside and not reporter.stopped:
        assert validation is not None
        of_trees = queries.log_density(circuit, state.parameters, validation.x, options.dtype)
    steps = len(progress.seconds) * training.n_batches(len(rows.x), options.batch_size)
    seen = rows.evidence
    if validation is not None and (regularise or beside) and isinstance(state, EMState):
        last = replace(prior, smoothing=progress.smoothing[progress.kept])
        state = training.absorb(circuit, state, last, rows, validation, options)
        sums, seen = sums + marginals(circuit, validation), seen + validation.evidence
    model._stream = {"marginals": sums.cpu().numpy(), "rows": seen, "steps": steps}
    _store(model, circuit, state, progress)
    # Last: an interruption leaves the trees, whole.
    if of_trees is not None and validation is not None:
        wanted = (sizes, n_decoders)
        _add_parts(model, wanted, of_trees.double(), rows, validation, options.dtype, random)
    reporter.close(lambda: _attributes(circuit, state, progress))


def _add_parts(
    model: Any,
    wanted: tuple[Sequence[int], int],
    of_trees: torch.Tensor,
    rows: Rows,
    held: Rows,
    dtype: torch.dtype,
    random: np.random.RandomState,
) -> None:
    """Fit and store Gaussians and continuous mixtures beside the trees, and the weights of all.

    `wanted` says how many: units of each mixture of Gaussians, and continuous mixtures.
    """
    sizes, n_decoders = wanted
    scores, weights = [of_trees], torch.ones(1, dtype=torch.float64)
    found = fit_gaussians(model, sizes, of_trees, rows, held, random) if sizes else None
    if found is not None:
        part, of_gaussians = found
        shares = choose_weights(torch.stack([of_trees, of_gaussians]), held.counts)
        if model.verbose:
            print(f"Gaussians: weight on held-out rows {float(shares[1]):.3f}")
        if float(shares[1]) >= LEAST_WEIGHT:
            scores.append(of_gaussians)
            weights, model._gaussians = shares, gaussian_arrays(part)
            model.mixture_weights_ = shares.cpu().numpy()
    if not n_decoders:
        return
    parameters, weights = fit_decoders(
        model, n_decoders, scores, weights, rows, held, dtype, random
    )
    model.mixture_weights_ = weights.cpu().numpy()
    if parameters is not None:
        model._flat = to_numbers(parameters.leaves, *parameters.sums)


def make_parts(model: Any) -> list[Part]:
    """The fitted circuits with their parameters on the model's device, trees first."""
    device = choose_device(model.device)
    circuit = make_circuit(model.structure_, model._table, model._spec, device)
    first, *others = model.mixture_weights_.tolist()
    parts = [Part(circuit, parameters_from(model._arrays, device), log(first))]
    if model._gaussians is not None:
        parts.append(gaussian_part(model, others.pop(0), device))
    if model._flat is not None:
        parameters = parameters_from({"parameters": model._flat}, device)
        leaves = make_leaves(model._table, model._spec["min_variance"])
        flat = flat_circuit(leaves, parameters.leaves.shape[2], device)
        parts.append(Part(flat, parameters, log(fsum(others))))
    return parts


def partial_fit(model: Any, X: Any, raws: list[RawColumn], weights: Floats) -> None:
    """One pass over a block of rows; what is stored goes on."""
    random = check_random_state(model.random_state)
    device = choose_device(model.device)
    learning_rate_of(model)
    first = not hasattr(model, "_arrays")
    numbers = prepare(model, X, raws, weights, random) if first else go_on(model, raws)
    circuit = make_circuit(model.structure_, model._table, model._spec, device)
    rows = _rows(circuit, numbers, weights)
    past: dict[str, Any] = {"marginals": 0.0, "rows": 0.0, "steps": 0}
    past = past if first else model._stream
    sums = marginals(circuit, rows)
    # A copy: a model that was mapped from a file has read-only arrays.
    sums = sums + torch.tensor(past["marginals"], dtype=sums.dtype, device=sums.device)
    prior = initial.make_prior(circuit, sums, smoothing_of(model, not first))
    start = _start(model, circuit, sums, random, not first)
    options = make_options(model, len(rows.x), True, False)
    seen = past["rows"] + rows.evidence
    state, progress = training.stream(circuit, start, rows, prior, options, past["steps"], seen)
    steps = past["steps"] + training.n_batches(len(rows.x), options.batch_size)
    model._stream = {"marginals": sums.cpu().numpy(), "rows": seen, "steps": steps}
    model._table = model._table.with_rows(circuit.inputs.counts(sums).cpu().numpy())
    _store(model, circuit, state, progress)


def _store(model: Any, circuit: Circuit, state: State, progress: Progress) -> None:
    """Set the fitted attributes; the built circuit of an earlier fit is of no use now."""
    for name, value in _attributes(circuit, state, progress).items():
        setattr(model, name, value)
    model.__dict__.pop("_cache", None)


def marginals(circuit: Circuit, rows: Rows) -> torch.Tensor:
    """Sums of every column's statistics over the rows, in rows of evidence."""
    return rows.evidence / rows.total * initial.marginals(circuit, blocks(circuit, rows, None))


def _start(
    model: Any, circuit: Circuit, sums: torch.Tensor, random: np.random.RandomState, warm: bool
) -> State:
    """The stored state, or one at random parameters."""
    solver = solver_of(model)
    if warm:
        state = from_arrays(model._arrays, circuit.device)
        if model._arrays["solver"] == solver:
            return state
        return training.begin(circuit, state.parameters, solver)
    parameters = initial.random_parameters(circuit, sums, seeded(random))
    return training.begin(circuit, parameters, solver)


def seeded(random: np.random.RandomState, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of torch; fits take it on the CPU, so that a seed means the same everywhere."""
    return torch.Generator(device).manual_seed(int(random.randint(np.iinfo(np.int32).max)))


def _rows(circuit: Circuit, numbers: Numbers, weights: Floats) -> Rows:
    """The table on the circuit's device, moved there once."""
    z, log_jacobian = numbers
    constant = float(np.average(log_jacobian, weights=weights))
    # A copy of the weights: those of a mapped file are read-only.
    w = torch.tensor(weights, device=circuit.device)
    return Rows(torch.from_numpy(z).to(circuit.device), w, constant)


def _split(
    model: Any,
    circuit: Circuit,
    numbers: Numbers,
    weights: Floats,
    random: np.random.RandomState | None,
) -> tuple[Rows, Rows | None]:
    """Training rows and validation rows, or all rows where nothing chooses some at random."""
    n = len(weights)
    if random is None:
        return _rows(circuit, numbers, weights), None
    n_held = round(model.validation_fraction * n)
    if not model.early_stopping:
        n_held = min(max(n_held, 1), MOST_HELD, n // 2)
    if not 0 < n_held < n:
        raise ValueError(
            f"validation_fraction {model.validation_fraction} of {n} rows leaves {n_held} "
            "for validation; both parts need at least one row."
        )
    order = random.permutation(n)
    held, kept = np.sort(order[:n_held]), np.sort(order[n_held:])
    z, log_jacobian = numbers
    return (
        _rows(circuit, (z[kept], log_jacobian[kept]), weights[kept]),
        _rows(circuit, (z[held], log_jacobian[held]), weights[held]),
    )


def _train(
    model: Any,
    circuit: Circuit,
    start: State,
    rows: Rows,
    validation: Rows | None,
    prior: Prior,
    options: Options,
    generator: torch.Generator,
    reporter: PassReporter,
) -> tuple[State, Progress]:
    """One start's passes, reported."""

    def on_pass(iteration: int, progress: Progress, state: State) -> bool:
        """Print, tell the callbacks, and say whether one of them wants to stop."""
        if model.verbose and (iteration + 1) % model.verbose == 0:
            print(_line(iteration, progress))
        current = replace(progress, kept=iteration)
        stop = reporter.end(lambda: _attributes(circuit, state, current))
        if not stop and iteration + 1 < options.max_iter and not progress.converged:
            reporter.begin()
        return stop

    reporter.begin()
    return training.train(circuit, start, rows, prior, options, generator, validation, on_pass)


def _line(iteration: int, progress: Progress) -> str:
    held = f", validation {progress.validation[-1]:.4f}" if progress.validation else ""
    return (
        f"pass {iteration + 1}: log-likelihood {progress.log_likelihood[-1]:.4f}{held}, "
        f"{progress.seconds[-1]:.1f} s"
    )


def _objective(
    circuit: Circuit,
    run: tuple[State, Progress],
    rows: Rows,
    prior: Prior,
    options: Options,
) -> float:
    """What decides between starts: held-out likelihood, else penalised likelihood."""
    state, progress = run
    if progress.validation:
        return progress.validation[progress.kept]
    likelihood = training.mean_log_density(circuit, state.parameters, rows, options.dtype)
    return likelihood + float(prior.log_density(circuit, state.parameters)) / rows.evidence


def _attributes(circuit: Circuit, state: State, progress: Progress) -> dict[str, Any]:
    """Fitted attributes of the estimator."""
    history = {
        "log_likelihood": np.array(progress.log_likelihood),
        "seconds": np.array(progress.seconds),
    }
    if progress.validation:
        history["validation_log_likelihood"] = np.array(progress.validation)
    return {
        "smoothing_": progress.smoothing[progress.kept],
        "_arrays": to_arrays(state),
        "n_parameters_": circuit.n_parameters,
        "history_": history,
        "n_iter_": len(progress.log_likelihood),
        "converged_": progress.converged,
    }
