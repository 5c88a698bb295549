"""Integer weights of scores of classes in a few bits each, and classes and probabilities from them.

With codes c_sj of a score s, exponents e_sj, and int8 inputs q_j that stand for the features x_j =
offset_j + scale_j q_j, everything is an integer:

    score_s = constant_s + multiplier_s sum_s,    sum_s = sum over j of c_sj 2**e_sj q_j,

in units of 2**-F doublings of the odds. Of two classes the score is that of the second, and the
first has 0. A C header made by `c_classes` does the same arithmetic, to the last bit.

Axes: N rows, B features (after the feature map, if there is one), S scores, C classes.
"""

from collections.abc import Collection
from dataclasses import dataclass
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..._files import write_whole
from ..arrays import Floats
from . import arithmetic, bits, class_arithmetic
from .bits import Bytes, Codes
from .c_classes import header
from .checks import check_features, check_inputs
from .class_consistency import ARRAYS, check_class_header, check_class_layout, check_class_values
from .maps import stages_of
from .packed_file import PackedFile

# What files say that they hold, and the number of the fields below.
CLASS_KIND, CLASS_VERSION = "packed classifier", 1

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PackedClassifier(PackedFile):
    """Integer scores of classes, packed; `DirectBayesianClassifier.pack` makes them.

    Classes are positions in `classes_` of the classifier.

    Parameters
    ----------
    n_bits : int
        Bits of a code, 2 to 8.
    n_scores : int
        S: 1 for two classes, else one for each.
    fraction : int
        Fractional bits F of a score.
    code_stream, mask_stream : ndarray of uint8
        Codes in the dense or the sparse layout of `skpc.direct.deploy.bits`, whichever is smaller;
        the mask is empty in the dense one.
    exponent_bits : int
        Bits of an exponent, up to 6; 0 if there is one step for each score.
    exponent_stream : ndarray of uint8
        Exponents in the order of the codes, B S fields.
    multiplier, constant : ndarray of int64 (S,)
    offset, scale : ndarray (B,)
        The int8 input q stands for a feature of offset + scale q, in the feature's units.

    Raises
    ------
    ValueError
        If the fields do not agree, or scores could pass 2**62.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skpc import DirectBayesianClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> packed = DirectBayesianClassifier().fit(X, y).pack()
    >>> packed.predict(X[[0, 60, 120]])
    array([0, 1, 2])
    >>> packed.code_stream.nbytes  # 3 scores of 4 codes of 4 bits
    6
    """

    _kind: ClassVar[tuple[str, int]] = (CLASS_KIND, CLASS_VERSION)
    _arrays: ClassVar[Collection[str]] = ARRAYS
    _check_header = staticmethod(check_class_header)

    n_bits: int
    n_scores: int
    fraction: int
    code_stream: Bytes
    mask_stream: Bytes
    exponent_bits: int
    exponent_stream: Bytes
    multiplier: Integers
    constant: Integers
    offset: Floats
    scale: Floats

    def __post_init__(self) -> None:
        arrays = {name: vars(self)[name] for name in ARRAYS}
        check_class_layout(self._numbers(), arrays)
        check_class_values(self)

    @property
    def n_features(self) -> int:
        """Features B, after the feature map if there is one."""
        return len(self.offset)

    @property
    def n_classes(self) -> int:
        """Classes C."""
        return max(self.n_scores, 2)

    @property
    def nbytes(self) -> int:
        """Bytes of constants that classes and probabilities from int8 inputs need.

        These are codes, mask and exponents, multiplier and constant of each score, as wide as the
        header has them, and 130 of the table. Offsets and scales, 16 bytes a feature, are not
        counted: they are needed only where features are quantised.
        """
        streams = (self.code_stream, self.mask_stream, self.exponent_stream)
        wide = 8 if self.largest_score >= 2**31 else 4
        return sum(one.nbytes for one in streams) + 2 * wide * self.n_scores + 130

    @property
    def largest_sum(self) -> int:
        """What no partial sum exceeds in absolute value, whatever the int8 inputs are."""
        return int(class_arithmetic.largest_sums(self.integers()).max())

    @property
    def largest_score(self) -> int:
        """What no score, and no difference of two, exceeds in absolute value."""
        largest = class_arithmetic.largest_sums(self.integers())
        return 2 * int((largest * self.multiplier + np.abs(self.constant)).max())

    def codes(self) -> Codes:
        """Codes of all scores, (S, B)."""
        return bits.unpack_codes(
            self.code_stream, self.mask_stream, self.n_bits, self.n_scores, self.n_features
        )

    def exponents(self) -> Integers:
        """Exponents e of the steps, (S, B)."""
        count = self.n_scores * self.n_features
        stored = bits.unpack_fields(self.exponent_stream, self.exponent_bits, count)
        return stored.astype(np.int64).reshape(self.n_features, self.n_scores).T

    def integers(self) -> Integers:
        """Integer weights of all scores, codes times powers of two, (S, B)."""
        return self.codes().astype(np.int64) << self.exponents()

    def weights(self) -> Floats:
        """Weights of all scores, (S, B), in nats of log odds per unit of a feature."""
        unit = np.log(2.0) * 2.0**-self.fraction
        return self.integers() * (unit * self.multiplier[:, None]) / self.scale

    def quantise(self, X: Any) -> Codes:
        """Features as int8 inputs, (N, B): (x - offset) / scale, rounded, ties to even.

        Features that lie further from their mean than the `input_range` of `pack` become -127 or
        127.

        Parameters
        ----------
        X : array-like (N, B)
            Features in their own units; those after the feature map, if the model has one.

        Raises
        ------
        ValueError
            For NaN, infinity, and another number of columns.
        """
        features = check_features(X, self.n_features)
        return arithmetic.quantise(features, self.offset, self.scale)

    def scores(self, inputs: Any) -> Integers:
        """Integer scores, (N, S), in units of 2**-F doublings of the odds.

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
        sums = class_arithmetic.score_sums(inputs, self.integers())
        return sums * self.multiplier + self.constant

    def shares(self, inputs: Any) -> Integers:
        """Probabilities of the classes in units of 2**-16, (N, C).

        Rows add to 2**16 or a few units less, since all divisions round down.

        Parameters
        ----------
        inputs : ndarray of int8 (N, B)
            From `quantise`.

        Raises
        ------
        TypeError, ValueError
            As in `scores`.
        """
        return class_arithmetic.class_shares(self.scores(inputs), self.fraction)

    def predict_quantised(self, inputs: Any) -> NDArray[np.intp]:
        """Positions of the classes of highest score, (N,), of several the first.

        Parameters
        ----------
        inputs : ndarray of int8 (N, B)
            From `quantise`.

        Raises
        ------
        TypeError, ValueError
            As in `scores`.
        """
        return class_arithmetic.class_scores(self.scores(inputs)).argmax(axis=1)

    def predict(self, X: Any) -> NDArray[np.intp]:
        """`predict_quantised` of features, (N,).

        Parameters
        ----------
        X : array-like (N, B)
            As in `quantise`.

        Raises
        ------
        ValueError
            As in `quantise`.
        """
        return self.predict_quantised(self.quantise(X))

    def predict_proba(self, X: Any) -> Floats:
        """Probabilities of the classes (N, C) from `shares` of features; rows add to one.

        Parameters
        ----------
        X : array-like (N, B)
            As in `quantise`.

        Raises
        ------
        ValueError
            As in `quantise`.
        """
        shares = self.shares(self.quantise(X)).astype(np.float64)
        return shares / shares.sum(axis=1, keepdims=True)

    def to_c(
        self, path: str | PathLike[str], prefix: str = "packed", *, feature_map: Any = None
    ) -> None:
        """Write a C99 header with the packed weights and functions that classify by them.

        Like `save`, it writes the file whole or not at all.

        Parameters
        ----------
        path : path-like
        prefix : str, default="packed"
            Start of every name in the header: a letter, then letters, digits and underscores.
        feature_map : transformer, optional
            The fitted map that the features come from: `feature_map_`, or the steps of a Pipeline
            before the classifier, as in `PackedEnsemble.to_c`.

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
