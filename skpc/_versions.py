"""What is installed, for reports of faults."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import torch

from .circuit import native

PACKAGES = ("skpc", "numpy", "scipy", "scikit-learn", "torch", "pandas", "polars")


def show_versions() -> None:
    """Print versions of Python and of packages, and which passes of circuits run on the CPU.

    Examples
    --------
    >>> import skpc
    >>> skpc.show_versions()  # doctest: +ELLIPSIS
    python: ...
    """
    lines = {"python": sys.version.split()[0], "platform": platform.platform()}
    for name in PACKAGES:
        try:
            lines[name] = version(name)
        except PackageNotFoundError:
            lines[name] = "not installed"
    lines["threads"] = str(torch.get_num_threads())
    lines["CUDA"] = str(torch.version.cuda) if torch.cuda.is_available() else "not available"
    lines["passes"] = native.state()
    print("\n".join(f"{name}: {what}" for name, what in lines.items()))
