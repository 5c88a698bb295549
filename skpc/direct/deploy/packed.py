"""Draws of integer weights in a few bits each, and predictions from them.

With codes c_sj of a draw s, exponents e_j of the steps, and int8 inputs q_j that stand for the
features x_j = offset_j + scale_j q_j, a draw predicts

    intercept + unit sum_s,    sum_s = sum over j of c_sj 2**e_j q_j.

The sums are integers. A C header made by `c_header` does the same arithmetic, to the last bit.

Axes: N rows, B features (after the feature map, if there is one), S draws.
"""

from collections.abc import Collection
from dataclasses import dataclass
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..._files import write_whole
from ..arrays import Floats
from . import arithmetic, bits
from .bits import Bytes, Codes
from .c_header import header
from .checks import check_features, check_inputs
from .consistency import ARRAYS, check_header, check_layout, check_values
from .maps import stages_of
from .packed_file import PackedFile

# What files say that they hold, and the number of the fields below.
KIND, VERSION = "packed ensemble", 1


@dataclass(frozen=True, eq=False)
class PackedEnsemble(PackedFile):
    """Draws of integer weights, packed; `DirectBayesianRegressor.pack` makes them.

    Parameters
    ----------
    n_bits : int
        Bits of a code, 2 to 8.
    n_samples : int
        Draws S.
    code_stream, mask_stream : ndarray of uint8
        Codes in the dense or the sparse layout of `skpc.direct.deploy.bits`, whichever is smaller;
        the mask is empty in the dense one.
    exponent_bits : int
        Bits of an exponent, up to 6; 0 if all features have one step.
    exponent_stream : ndarray of uint8
        Exponents of the features' steps, B fields.
    offset, scale : ndarray (B,)
        The int8 input q stands for a feature of offset + scale q, in the feature's units.
    intercept : float
        Prediction where every feature is at its offset, in units of y.
    unit : float
        Units of y for a sum of 1.
    noise_variance : float
        In squared units of y.

    Raises
    ------
    ValueError
        If the fields do not agree, or predictions from them would not be finite.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skpc import DirectBayesianRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> packed = DirectBayesianRegressor(random_state=0).fit(X, y).pack(4, random_state=0)
    >>> packed.code_stream.nbytes  # 4 draws of 10 codes of 4 bits
    20
    >>> packed.predict(X[:2]).round()
    array([211.,  58.])
    >>> packed.predict_quantised(packed.quantise(X[:2])).round()
    array([212.,  58.])
    """

    _kind: ClassVar[tuple[str, int]] = (KIND, VERSION)
    _arrays: ClassVar[Collection[str]] = ARRAYS
    _check_header = staticmethod(check_header)

    n_bits: int
    n_samples: int
    code_stream: Bytes
    mask_stream: Bytes
    exponent_bits: int
    exponent_stream: Bytes
    offset: Floats
    scale: Floats
    intercept: float
    unit: float
    noise_variance: float

    def __post_init__(self) -> None:
        arrays = {name: vars(self)[name] for name in ARRAYS}
        check_layout(self._numbers(), arrays)
        check_values(self)

    @property
    def n_features(self) -> int:
        """Features B, after the feature map if there is one."""
        return len(self.offset)

    @property
    def nbytes(self) -> int:
        """Bytes that predictions from int8 inputs need.

        These are codes, mask and exponents, and 24 bytes of intercept, unit and noise variance.
        Offsets and scales, 16 bytes per feature, are not counted: they are needed only where
        features are quantised.
        """
        streams = (self.code_stream, self.mask_stream, self.exponent_stream)
        return sum(stream.nbytes for stream in streams) + 24

    @property
    def largest_sum(self) -> int:
        """What no partial sum exceeds in absolute value, whatever the int8 inputs are."""
        return int(arithmetic.largest_sum(self.codes(), self.exponents()))

    @property
    def mean_unit(self) -> float:
        """Units of y for a total over the draws of 1: unit / S."""
        return self.unit / self.n_samples

    @property
    def variance_unit(self) -> float:
        """Squared units of y for 1 in the squares of `predict_quantised`: unit**2 / S**3."""
        return self.mean_unit * self.mean_unit / self.n_samples

    def codes(self) -> Codes:
        """Codes of all draws, (S, B)."""
        return bits.unpack_codes(
            self.code_stream, self.mask_stream, self.n_bits, self.n_samples, self.n_features
        )

    def exponents(self) -> NDArray[np.int64]:
        """Exponents e of the features' steps, (B,)."""
        stored = bits.unpack_fields(self.exponent_stream, self.exponent_bits, self.n_features)
        return stored.astype(np.int64)

    def weights(self) -> Floats:
        """Weights of all draws, (S, B), in units of y per unit of a feature."""
        return self.codes() * (2.0 ** self.exponents() * self.unit / self.scale)

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Mean of the draws' predictions, and standard deviation of a new target.

        Parameters
        ----------
        X : array-like (N, B)
            Features in their own units; those after the feature map, if the model has one.
        return_std : bool, default=False

        Returns
        -------
        mean : ndarray (N,)
        std : ndarray (N,)
            Square root of the sum of the noise variance and the variance of the draws'
            predictions (their mean squared deviation, over S). If `return_std`.

        Raises
        ------
        ValueError
            For NaN, infinity, and another number of columns.
        """
        linear = (check_features(X, self.n_features) - self.offset) @ self.weights().T
        mean = linear.mean(axis=1) + self.intercept
        if return_std:
            return mean, np.sqrt(linear.var(axis=1) + self.noise_variance)
        return mean

    def quantise(self, X: Any) -> Codes:
        """Features as int8 inputs, (N, B): (x - offset) / scale, rounded, ties to even.

        Features that lie further from their mean than the `input_range` of `pack` become -127 or
        127.

        Parameters
        ----------
        X : array-like (N, B)
            As in `predict`.

        Raises
        ------
        ValueError
            As in `predict`.
        """
        features = check_features(X, self.n_features)
        return arithmetic.quantise(features, self.offset, self.scale)

    def sums(self, inputs: Any) -> NDArray[np.int64]:
        """Integer sums of every draw, (N, S).

        Parameters
        ----------
        inputs : ndarray of int8 (N, B)
            From `quantise`.

        Raises
        ------
        TypeError
            If the inputs are not int8.
        ValueError
            For another number of columns.
        """
        inputs = check_inputs(inputs, self.n_features)
        return arithmetic.integer_sums(inputs, self.codes(), self.exponents())

    def predict_quantised(self, inputs: Any, return_std: bool = False) -> Any:
        """`predict` from int8 inputs: integers, until each row's sums are scaled.

        Parameters
        ----------
        inputs : ndarray of int8 (N, B)
            From `quantise`.
        return_std : bool, default=False

        Returns
        -------
        mean : ndarray (N,)
        std : ndarray (N,)
            If `return_std`.

        Raises
        ------
        TypeError, ValueError
            As in `sums`.

        Notes
        -----
        With total = sum over s of sum_s and d_s = S sum_s - total, all integers, in float64:

            mean = total (unit / S) + intercept,
            std = sqrt((sum over s of d_s**2) (unit**2 / S**3) + noise_variance),

        where the squares are added in the order of the draws.
        """
        sums = self.sums(inputs)
        mean = sums.sum(axis=1) * self.mean_unit + self.intercept
        if not return_std:
            return mean
        variance = arithmetic.squared_deviations(sums) * self.variance_unit
        return mean, np.sqrt(variance + self.noise_variance)

    def to_c(
        self, path: str | PathLike[str], prefix: str = "packed", *, feature_map: Any = None
    ) -> None:
        """Write a C99 header with the packed draws and functions that predict from them.

        Like `save`, it writes the file whole or not at all.

        Parameters
        ----------
        path : path-like
        prefix : str, default="packed"
            Start of every name in the header: a letter, then letters, digits and underscores.
        feature_map : transformer, optional
            The fitted map that the features come from: `feature_map_`, or the steps of a Pipeline
            before the regression. The header then has two more functions, whose names are the
            prefix and `_map` (from columns to features) or `_read` (to inputs). StandardScaler,
            SplineTransformer, RBFSampler and pipelines of these are exported.

        Raises
        ------
        ValueError
            For any other prefix, and for a map that is not exported or gives other features.
        OSError
            If the file cannot be written. One that was there stays as it was.
        """
        stages = [] if feature_map is None else stages_of(feature_map)
        if stages and stages[-1].n_out != self.n_features:
            raise ValueError(
                f"feature_map gives {stages[-1].n_out} features; {self.n_features} are accepted."
            )
        write_whole(path, [header(self, prefix, stages).encode("ascii")])
