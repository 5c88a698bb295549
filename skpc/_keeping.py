"""Estimators in files and in pickles: `save`, `load`, and what an estimator says of itself.

A file holds the parameters of an estimator and the frozen result of its fit, and nothing else: all
other attributes follow from these. Files and pickles hold the result in the same plain form, see
`_files.encoding`.
"""

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from typing import Any, ClassVar

from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

from ._files import (
    Contents,
    Header,
    Known,
    check_arrays,
    contents_of,
    from_plain,
    naming,
    read,
    to_plain,
    value_of,
    write,
)
from ._sklearn import store, validate_parameter_constraints

# Number of the trees that files of estimators hold.
VERSION = 1
# What a file holds of an estimator.
PARTS = {"parameters", "result", "output"}
# What `set_output` asked for.
OUTPUT = "_sklearn_output_config"

# All that files hold: the rooms of the estimators add their classes.
KNOWN = Known()


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes
    ----------
    version : int
        The latest that is read.
    check : callable
        Takes the header of a file, before its arrays are read.
    build : callable
        Takes the contents.
    """

    version: int
    check: Callable[[Header], None]
    build: Callable[[Contents], Any]


KINDS: dict[str, Kind] = {}


def version() -> str:
    """The version of skpc, which imports this file before it has one."""
    return str(vars(sys.modules[__package__])["__version__"])


class Kept(BaseEstimator):
    """An estimator that files and pickles hold; `keep` makes a class known to `load`.

    Attributes
    ----------
    _results : tuple of str
        Attributes that hold the frozen result of a fit, which pickles hold in plain form.
    """

    _results: ClassVar[tuple[str, ...]] = ()

    def _result(self) -> Any:
        """The result of the fit, of a class in KNOWN; None before it."""
        raise NotImplementedError

    def _attributes_of(self, result: Any) -> dict[str, Any]:
        """All fitted attributes that follow from a result; refuses one of another estimator."""
        raise NotImplementedError

    def save(self, path: str | PathLike[str]) -> None:
        """Write the estimator, fitted or not, to a file that `skpc.load` reads.

        The file holds arrays, numbers and texts, and no code: it can be read without trust in who
        wrote it, by later versions of skpc, and on a machine without the GPU of the fit. It is a
        safetensors file with a checksum, and is written whole or not at all.

        Parameters
        ----------
        path : path-like

        Raises
        ------
        ValueError
            For what such a file does not hold, by name: code of yours (leaf families, structures,
            solvers, components, feature maps), callbacks and metadata requests. Pickle keeps them.
        OSError
            If the file cannot be written. One that was there stays as it was.

        See Also
        --------
        skpc.load : Reads the file.

        Examples
        --------
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> import skpc
        >>> with TemporaryDirectory() as folder:
        ...     skpc.EinetImputer(strategy="sample").save(Path(folder) / "imputer.skpc")
        ...     skpc.load(Path(folder) / "imputer.skpc")
        EinetImputer(strategy='sample')
        """
        name = type(self).__name__
        if KNOWN.of(self) is None:
            raise ValueError(
                f"{name} is a class of yours, and files of skpc hold no code: pickle it, or save "
                "an estimator of skpc itself."
            )
        contents = contents_of(KNOWN, self, name, VERSION, version())
        # What could not be read again is not written.
        KINDS[name].build(contents)
        write(path, contents)

    def __getstate__(self) -> dict[str, Any]:
        """The state for pickles: results in plain form, and the version of skpc.

        Attributes that a result has are left out.
        """
        # Copied, since another thread may store a new fit meanwhile.
        state = dict(super().__getstate__())
        for name in set(self._results) & set(state):
            result = state[name]
            for other, value in self._attributes_of(result).items():
                if other != name and state.get(other) is value:
                    del state[other]
            state[name] = to_plain(KNOWN, result)
        return {**state, "_skpc_version": version()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The estimator from what `__getstate__` returned; warns of another version of skpc."""
        state = dict(state)
        written = state.pop("_skpc_version", "before 0.1")
        if written != version():
            warnings.warn(
                InconsistentVersionWarning(
                    estimator_name=type(self).__name__,
                    current_sklearn_version=version(),
                    original_sklearn_version=written,
                ),
                stacklevel=2,
            )
        for name in set(self._results) & set(state):
            result = from_plain(KNOWN, state[name])
            state = {**self._attributes_of(result), **state, name: result}
        super().__setstate__(state)


def keep(cls: type[Kept]) -> type[Kept]:
    """Make a class of estimators known to `load`, by its name."""
    KNOWN.add(cls, state=_state, build=lambda state: _restored(cls, state))
    KINDS[cls.__name__] = Kind(VERSION, check_arrays, _value)
    return cls


def _value(contents: Contents) -> Any:
    """The estimator of a file, which says twice what it holds."""
    value = value_of(KNOWN, contents)
    if type(value).__name__ != contents.kind:
        raise ValueError(f"it says that it holds a {contents.kind}, and does not.")
    return value


def _state(kept: Kept) -> dict[str, Any]:
    """Parameters, the result of a fit, and what `set_output` asked for."""
    result = kept._result()
    parameters = kept.get_params(deep=False)
    found = {} if result is None else kept._attributes_of(result)
    other = [name for name in vars(kept) if name not in {*parameters, *found, OUTPUT}]
    if other:
        raise ValueError(
            f"{type(kept).__name__} has the attributes {other}, which no file of skpc holds: those "
            "of callbacks and metadata requests, or of yours. Delete them, or pickle the estimator."
        )
    return {"parameters": parameters, "result": result, "output": vars(kept).get(OUTPUT)}


def _restored(cls: type[Kept], state: dict[str, Any]) -> Kept:
    """An estimator of what `_state` returned."""
    if state.keys() != PARTS or type(state["parameters"]) is not dict:
        raise ValueError(f"it has the parts {sorted(state)}; {sorted(PARTS)} are accepted.")
    parameters, output = state["parameters"], state["output"]
    # Read from the class, which lists them all.
    names = cls._get_param_names()
    if not set(parameters) <= set(names):
        raise ValueError(f"it has the parameters {[*parameters]}; {names} are accepted.")
    made = cls(**parameters)
    validate_parameter_constraints(
        made._parameter_constraints, made.get_params(deep=False), caller_name=cls.__name__
    )
    if state["result"] is not None:
        store(made, made._attributes_of(state["result"]))
    if output is not None:
        if output not in ({"transform": name} for name in ("default", "pandas", "polars")):
            raise ValueError(f"its output is {output!r}.")
        setattr(made, OUTPUT, output)
    return made


def load(path: str | PathLike[str], *, device: str | None = None) -> Any:
    """Read an estimator, or a packed ensemble, from a file that its `save` wrote.

    Nothing in a file is run, and everything that it says is compared with everything else before it
    is used: a file that was cut, altered or made to harm is refused. Arrays are read to the memory
    of the CPU; queries take them to the `device` of the estimator.

    Parameters
    ----------
    path : path-like
        Written by this version of skpc or an earlier one.
    device : str, optional
        Value for the parameter `device` of all estimators in the file, such as "cpu" for models
        that were fitted with `device="cuda"`; by default it stays as it was.

    Returns
    -------
    estimator, PackedEnsemble or PackedClassifier
        With the answers of the one that was saved, to the bit.

    Raises
    ------
    ValueError
        If skpc did not write the file, it is not whole, was altered, or holds something else.
    OSError
        If there is no such file, or it cannot be opened.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import load_iris
    >>> import skpc
    >>> X = load_iris().data
    >>> model = skpc.EinetDensityEstimator(components="trees", random_state=0).fit(X)
    >>> with TemporaryDirectory() as folder:
    ...     model.save(Path(folder) / "iris.skpc")
    ...     copy = skpc.load(Path(folder) / "iris.skpc")
    >>> bool((copy.score_samples(X) == model.score_samples(X)).all())
    True
    """
    versions = {name: kind.version for name, kind in KINDS.items()}
    with naming(path):
        contents = read(path, versions, lambda header: KINDS[header.kind].check(header))
        made = KINDS[contents.kind].build(contents)
    if device is not None and isinstance(made, Kept):
        _set_device(made, device)
    return made


def _set_device(kept: Kept, device: str) -> None:
    """Set the parameter `device` of an estimator and of all that it holds."""
    if "device" in kept.get_params(deep=False):
        kept.set_params(device=device)
    for value in vars(kept).values():
        if isinstance(value, Kept):
            _set_device(value, device)


__all__ = ["KINDS", "KNOWN", "Kept", "Kind", "keep", "load"]
