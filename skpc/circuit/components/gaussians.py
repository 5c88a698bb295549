"""The component of Gaussians: it joins several mixtures of Gaussians; fit, shares and storage.

Axes: n held-out rows, D columns, P mixtures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from ..leaves import Leaf
from ..passes import Parameters, product_mixture, seeded
from ..training import blocks, column_sums, from_numbers, to_numbers
from .gaussian_component import GaussianComponent
from .gaussian_em import widened
from .gaussian_start import GaussianState, describe, normal_columns, start
from .gaussian_training import too_expensive, train
from .gaussian_units import has_normal_numbers
from .protocol import LEAST_WEIGHT, ComponentTask, FittedComponent, Recorder

# Numbers of units of the mixtures that "auto" joins, and the rows per unit that each of them needs.
# Which number is best depends on how far the table is from normal.
SIZES, ROWS_A_UNIT = (3, 12, 48, 128), 10
# The component competes by default from so many rows on, and up to so many columns of numbers:
# covariances grow by the square.
FEWEST_ROWS, MOST_NUMBERS = 100, 200
# Weight below which one of several mixtures is dropped.
LEAST_SHARE = 0.05
# Factor of the leaves' variance floor: if other columns are known, a number may vary much less.
LOW_FLOOR = 0.01
# Mixtures that are always tried; further ones, which are larger, if the last one raised the mean
# log density of the held-out rows by so many nats.
TRIED, LEAST_GAIN = 2, 0.005
# Shares of the columns that are tried, see `gaussian_em.widened`.
WIDTHS = (0.0, 0.5, 1.0, 1.5, 2.0)
# Steps of EM, and the steps after the held-out rows were added.
STEPS, LAST_STEPS = 40, 5
# Most rows to learn from: random ones of a larger table.
MOST_ROWS = 200_000
# Names of the arrays by which a component is stored.
STORED = ("leaves", "weights", "columns", "correlations")


@dataclass(frozen=True)
class Gaussians:
    """Mixtures of Gaussians as a `ComponentKind`.

    Attributes
    ----------
    n_units : int or "auto"
        Units of the mixture. "auto": the component joins mixtures of several sizes.
    """

    n_units: int | Literal["auto"] = "auto"

    name: ClassVar[str] = "gaussians"

    def pays(self, leaves: Sequence[Leaf], n_rows: int) -> bool:
        """Whether enough rows show at least two columns of numbers, but not too many columns."""
        n_columns = sum(map(has_normal_numbers, leaves))
        return n_rows >= FEWEST_ROWS and 2 <= n_columns <= MOST_NUMBERS

    def sizes(self, n_rows: int) -> tuple[int, ...]:
        """Units of each mixture that the component joins."""
        if self.n_units != "auto":
            return (self.n_units,)
        enough = tuple(size for size in SIZES if size <= n_rows // ROWS_A_UNIT)
        return enough or SIZES[:1]

    def fit(self, task: ComponentTask) -> FittedComponent | None:
        """Fit a component; None where fewer than two columns can be normal together."""
        recorder = Recorder()
        fitted = fit_mixtures(task, self.sizes(task.n_rows), recorder)
        if fitted is None:
            return None
        component, scores = fitted
        weight = float(task.weights([scores])[-1])
        task.report(f"Gaussians: weight on held-out rows {weight:.3f}")
        if not weight >= LEAST_WEIGHT:
            return None
        arrays, n_parameters = to_arrays(component), count_parameters(component)
        return FittedComponent(self.name, arrays, scores, n_parameters, recorder.history())

    def from_arrays(
        self,
        arrays: Mapping[str, Any],
        leaves: Sequence[Leaf],
        log_weight: float,
        device: torch.device,
    ) -> GaussianComponent:
        """The component from the arrays of its fit, with its weight in the mixture."""
        stored = [arrays[name] for name in STORED]
        packed, weights, columns, correlations = from_numbers(stored, device)
        return GaussianComponent(
            circuit=product_mixture(leaves, packed.shape[1], device),
            parameters=Parameters(packed, (weights,)),
            log_weight=log_weight,
            columns=columns.long(),
            matrices=correlations,
        )


def fit_mixtures(
    task: ComponentTask, sizes: Sequence[int], recorder: Recorder
) -> tuple[GaussianComponent, Tensor] | None:
    """A component that joins mixtures, and its scores of the held-out rows before it learned them.

    Parameters
    ----------
    task : ComponentTask
        Of its rows, at most MOST_ROWS are learned.
    sizes : sequence of int
        Units of the mixtures.
    recorder : Recorder
        Gets the steps of all mixtures, one mixture after the other.

    Returns
    -------
    component : GaussianComponent
    scores : Tensor (n,)
        None instead of both where fewer than two columns can be normal together.
    """
    held, rows = task.held, task.rows.sampled(MOST_ROWS, task.random)
    leaves = gaussian_leaves(task)
    circuit = product_mixture(leaves, 1, rows.cells.device)
    sums = rows.evidence / rows.total * column_sums(circuit, blocks(circuit, rows))
    columns = normal_columns(circuit, sums)
    if len(columns) < 2:
        return None
    generator = seeded(task.random)
    table = describe(leaves, columns, sums, rows, generator)
    everything = rows.joined(held)
    fitted: list[GaussianComponent] = []
    scores: list[Tensor] = []
    reached = [task.mixed([])[0]]
    for i, size in enumerate(sizes):
        if i >= TRIED and reached[-1] - reached[-2] < LEAST_GAIN:
            task.report(f"Gaussians: {sizes[i - 1]} units add nothing, so more are not tried")
            break
        state = start(table, size)
        if fitted and too_expensive(state.component, rows.cells):
            break
        state = train(state, rows, STEPS, STEPS, generator, recorder.add)
        width, of_width, mixed = _chosen_width(task, scores, state)
        scores.append(of_width)
        reached.append(mixed)
        state = train(state, everything, LAST_STEPS, STEPS, generator, recorder.add)
        fitted.append(_widened(state, width))
    shares = _shares(task.weights(scores)[len(task.scores) :])
    of_all = torch.logsumexp(torch.stack(scores) + torch.log(shares)[:, None], dim=0)
    return _joined(leaves, fitted, shares.tolist()), of_all


def _chosen_width(
    task: ComponentTask, scores: Sequence[Tensor], state: GaussianState
) -> tuple[float, Tensor, float]:
    """The share in WIDTHS that the held-out rows like best, their scores by it, (n,), and in all.

    They are scored by the mixture with all that was fitted before: rows that are far from all
    Gaussians, which other components know, must not widen them.
    """
    held = task.held
    tried = [_widened(state, share).log_density(held.cells, torch.float64) for share in WIDTHS]
    joined = [task.mixed([*scores, one])[0] for one in tried]
    best = max(range(len(WIDTHS)), key=lambda i: joined[i])
    return WIDTHS[best], tried[best], joined[best]


def _widened(state: GaussianState, share: float) -> GaussianComponent:
    assert state.running is not None
    return widened(state.component, state.running, state.prior, share) if share else state.component


def gaussian_leaves(task: ComponentTask) -> list[Leaf]:
    """A family object per column; numbers, which vary less given others, have a lower floor."""
    pairs = zip(task.leaves, task.floored(LOW_FLOOR * task.min_variance), strict=True)
    return [low if has_normal_numbers(leaf) else leaf for leaf, low in pairs]


def _shares(weights: Tensor) -> Tensor:
    """Shares of the mixtures among themselves, (P,), small ones dropped."""
    shares = torch.where(weights >= LEAST_SHARE * weights.sum(), weights, 0.0)
    return shares / shares.sum()


def _joined(
    leaves: Sequence[Leaf], fitted: Sequence[GaussianComponent], shares: Sequence[float]
) -> GaussianComponent:
    """One mixture of the units of all mixtures whose share is positive."""
    used = [(mixture, share) for mixture, share in zip(fitted, shares, strict=True) if share > 0]
    packed = torch.cat([mixture.parameters.leaves for mixture, _ in used], dim=1)
    weights = torch.cat([share * mixture.parameters.sums[0] for mixture, share in used], dim=2)
    return GaussianComponent(
        circuit=product_mixture(leaves, packed.shape[1], packed.device),
        parameters=Parameters(packed, (weights,)),
        columns=fitted[0].columns,
        matrices=torch.cat([mixture.matrices for mixture, _ in used]),
    )


def to_arrays(component: GaussianComponent) -> dict[str, np.ndarray]:
    """Arrays by which a component is stored."""
    parameters = component.parameters
    tensors = (parameters.leaves, *parameters.sums, component.columns, component.matrices)
    return dict(zip(STORED, to_numbers(*tensors), strict=True))


def count_parameters(component: GaussianComponent) -> int:
    """Free numbers of leaves and weights, and the correlations of every unit."""
    d = len(component.columns)
    return component.circuit.n_parameters + component.n_units * d * (d - 1) // 2
