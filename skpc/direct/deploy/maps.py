"""Feature maps as C: scalers, splines and random Fourier features, and pipelines of them.

A fitted map is known by what it stores, so that any object that stores the same will do:

- `mean_`, `scale_`: (x - mean) / scale (StandardScaler, also `with_mean` or `with_std` alone);
- `random_weights_` (D, B), `random_offset_` (B,): sqrt(2 / B) cos(x W + b) (RBFSampler);
- `bsplines_`, a SciPy spline of unit coefficients a column (SplineTransformer), held constant
  beyond the ends;
- `steps`: several, one after another (Pipeline).

What C is to compute is compared with the map on rows of its own before it is written.

Axes: N rows, D columns, B features.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import Template
from typing import Any, Protocol

import numpy as np

from ..arrays import Floats
from .c_arrays import array

ACCEPTED = (
    "a fitted StandardScaler, a SplineTransformer with extrapolation='constant', an RBFSampler and "
    "pipelines of these are accepted"
)


class Stage(Protocol):
    """One step of a map."""

    @property
    def n_in(self) -> int:
        """Columns that it reads."""

    @property
    def n_out(self) -> int:
        """Features that it gives."""

    def features(self, x: Floats) -> Floats:
        """Features (N, n_out) of rows (N, n_in)."""

    def probe(self) -> Floats:
        """Rows (N, n_in) that reach all cases of the step."""

    def constants(self) -> dict[str, Floats]:
        """Arrays of the C function, by name."""

    def operations(self) -> str:
        """What one row takes."""

    def body(self) -> str:
        """Body of the C function, from `in` to `out`; $p is the prefix of its names."""


@dataclass(frozen=True)
class Scaler:
    """(x - mean) / scale; both (D,)."""

    mean: Floats
    scale: Floats

    @property
    def n_in(self) -> int:
        """D."""
        return len(self.mean)

    @property
    def n_out(self) -> int:
        """D."""
        return len(self.mean)

    def features(self, x: Floats) -> Floats:
        """As C computes them."""
        return (x - self.mean) / self.scale

    def probe(self) -> Floats:
        """A deviation on either side of the mean."""
        return self.mean + np.array([[-1.0], [0.0], [1.5]]) * self.scale

    def constants(self) -> dict[str, Floats]:
        """Mean and scale."""
        return {"mean": self.mean, "scale": self.scale}

    def operations(self) -> str:
        """Divisions."""
        return f"{self.n_in} divisions"

    def body(self) -> str:
        """One loop."""
        return SCALER


@dataclass(frozen=True)
class Fourier:
    """sqrt(2 / B) cos(x W + b), W (D, B), b (B,)."""

    weights: Floats
    offset: Floats

    @property
    def n_in(self) -> int:
        """D."""
        return self.weights.shape[0]

    @property
    def n_out(self) -> int:
        """B."""
        return self.weights.shape[1]

    def features(self, x: Floats) -> Floats:
        """As C computes them, but for the order of sums."""
        return np.cos(x @ self.weights + self.offset) * np.sqrt(2.0 / self.n_out)

    def probe(self) -> Floats:
        """Rows on either side of zero."""
        return np.linspace(-1.0, 1.0, 3)[:, None] * np.arange(1.0, self.n_in + 1)

    def constants(self) -> dict[str, Floats]:
        """W, feature by feature, b, and the factor."""
        factor = np.array([np.sqrt(2.0 / self.n_out)])
        return {"weights": self.weights.T.ravel(), "phase": self.offset, "factor": factor}

    def operations(self) -> str:
        """Products and cosines."""
        return f"{self.weights.size + self.n_out} products and {self.n_out} cosines"

    def body(self) -> str:
        """Two loops."""
        return FOURIER


@dataclass(frozen=True)
class Splines:
    """B-splines of one degree on knots (D, m) that are held constant beyond their ends.

    Of every column `kept` of the m - degree - 1 splines are features.
    """

    knots: Floats
    degree: int
    kept: int
    columns: list[Any]

    @property
    def n_in(self) -> int:
        """D."""
        return len(self.knots)

    @property
    def n_out(self) -> int:
        """B."""
        return self.n_in * self.kept

    def features(self, x: Floats) -> Floats:
        """By SciPy's own splines."""
        low, high = self.knots[:, self.degree], self.knots[:, -self.degree - 1]
        inside = np.clip(x, low, high)
        each = [spline(inside[:, j])[:, : self.kept] for j, spline in enumerate(self.columns)]
        return np.concatenate(each, axis=1)

    def probe(self) -> Floats:
        """Rows within the knots and beyond."""
        low, high = self.knots[:, self.degree], self.knots[:, -self.degree - 1]
        return low + np.linspace(-0.5, 1.5, 9)[:, None] * (high - low)

    def constants(self) -> dict[str, Floats]:
        """Knots, column by column."""
        return {"knots": self.knots.ravel()}

    def operations(self) -> str:
        """Products of Cox and de Boor's recursion."""
        return f"{self.n_in * self.degree * (self.degree + 1)} products and as many divisions"

    def body(self) -> str:
        """The recursion."""
        n_splines = self.knots.shape[1] - self.degree - 1
        numbers = {"degree": self.degree, "n_knots": self.knots.shape[1]}
        return Template(SPLINES).safe_substitute(numbers, n_splines=n_splines, kept=self.kept)


SCALER = """\
    uint32_t j;
    for (j = 0; j < ${n_in}u; j++) {
        out[j] = (in[j] - ${p}_mean[j]) / ${p}_scale[j];
    }
"""

FOURIER = """\
    uint32_t j, k;
    for (k = 0; k < ${n_out}u; k++) {
        double sum = 0.0;
        for (j = 0; j < ${n_in}u; j++) {
            sum += in[j] * ${p}_weights[k * ${n_in}u + j];
        }
        out[k] = cos(sum + ${p}_phase[k]) * ${p}_factor[0];
    }
"""

SPLINES = """\
    uint32_t j, i, r, d;
    for (j = 0; j < ${n_in}u; j++) {
        const double *const knots = &${p}_knots[j * ${n_knots}u];
        const double low = knots[$degree], high = knots[$n_splines];
        const double x = in[j] < low ? low : in[j] > high ? high : in[j];
        double values[$degree + 1];
        for (i = ${degree}u; i < ${n_splines}u - 1u && knots[i + 1u] <= x; i++) {
        }
        values[0] = 1.0;
        for (d = 1; d <= ${degree}u; d++) {
            double saved = 0.0;
            for (r = 0; r < d; r++) {
                const double right = knots[i + 1u + r], left = knots[i + 1u + r - d];
                const double share = values[r] / (right - left);
                values[r] = saved + (right - x) * share;
                saved = (x - left) * share;
            }
            values[d] = saved;
        }
        for (r = 0; r < ${kept}u; r++) {
            const int inside = r + ${degree}u >= i && r <= i;
            out[j * ${kept}u + r] = inside ? values[r + ${degree}u - i] : 0.0;
        }
    }
"""

FUNCTION = Template("""\
static inline void ${p}(const double in[$n_in], double out[$n_out])
{
$body}

""")


def stages_of(feature_map: Any) -> list[Stage]:
    """The steps of a fitted map, in order.

    Raises
    ------
    ValueError
        For any other map, and one that gives other features than these steps.
    """
    stages = []
    for step in _steps(feature_map):
        stage = _stage(step)
        rows = stage.probe()
        given = step.transform(rows)
        given = given.toarray() if hasattr(given, "toarray") else np.asarray(given)
        if given.shape != (len(rows), stage.n_out) or not np.allclose(
            given, stage.features(rows), rtol=1e-9, atol=1e-12
        ):
            raise ValueError(
                f"feature_map has {step!r}, which computes something else; {ACCEPTED}."
            )
        stages.append(stage)
    return stages


def _steps(feature_map: Any) -> Iterator[Any]:
    """Fitted steps of a map, those of pipelines within it one by one."""
    if hasattr(feature_map, "steps"):
        for _, step in feature_map.steps:
            if step is not None and not isinstance(step, str):
                yield from _steps(step)
    else:
        yield feature_map


def _stage(step: Any) -> Stage:
    """The step that a fitted transformer is."""
    if hasattr(step, "random_weights_") and hasattr(step, "random_offset_"):
        return Fourier(_floats(step.random_weights_), _floats(step.random_offset_))
    if hasattr(step, "bsplines_") and getattr(step, "extrapolation", None) == "constant":
        columns = list(step.bsplines_)
        knots, degree = np.stack([_floats(one.t) for one in columns]), int(columns[0].k)
        n_splines = knots.shape[1] - degree - 1
        return Splines(knots, degree, n_splines - (not step.include_bias), columns)
    if getattr(step, "mean_", None) is not None and hasattr(step, "scale_"):
        mean = _floats(step.mean_) * getattr(step, "with_mean", True)
        return Scaler(mean, np.ones_like(mean) if step.scale_ is None else _floats(step.scale_))
    raise ValueError(f"feature_map has {step!r}, for which there is no C; {ACCEPTED}.")


def _floats(values: Any) -> Floats:
    """An array of float64."""
    return np.asarray(values, dtype=np.float64)


def functions(stages: Sequence[Stage], prefix: str) -> str:
    """Constants and functions of the steps, named `prefix`_step0 and so on."""
    text = ""
    for i, stage in enumerate(stages):
        name = f"{prefix}_step{i}"
        for label, values in stage.constants().items():
            text += array(f"double {name}_{label}", map(repr, values.tolist()))
        sizes = {"n_in": stage.n_in, "n_out": stage.n_out}
        body = Template(stage.body()).substitute(sizes, p=name)
        text += FUNCTION.substitute(sizes, p=name, body=body)
    return text


def cost(stages: Sequence[Stage]) -> str:
    """Bytes of constants, of buffers on the stack, and operations a row, in words."""
    n_bytes = 8 * sum(values.size for stage in stages for values in stage.constants().values())
    buffers = 8 * sum(stage.n_out for stage in stages)
    work = ", ".join(stage.operations() for stage in stages)
    return f"{n_bytes} bytes of constants, {buffers} of stack; a row takes {work}"
