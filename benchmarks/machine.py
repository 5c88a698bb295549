"""What a measurement was made on, for the head of every results file."""

import argparse
import platform
import shlex
import sys
from datetime import date
from pathlib import Path

import numpy
import scipy
import sklearn
import torch

import skpc

__all__ = ["add_allocator", "header", "processor", "set_allocator"]

# Options whose values are paths of one machine, and what stands for them.
PATHS = {
    "--data": "FOLDER",
    "--einsum-networks": "CHECKOUT",
    "--other": "CHECKOUT",
    "--simple-einet": "CHECKOUT",
    "--libspn-keras": "PYTHON",
}


def processor() -> str:
    """Name of the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{models[0]}, {len(models)} cores" if models else platform.processor()


def add_allocator(parser: argparse.ArgumentParser) -> None:
    """The option --keep-freed-memory."""
    parser.add_argument(
        "--keep-freed-memory", action="store_true", help="call skpc.keep_freed_memory() first"
    )


def set_allocator(options: argparse.Namespace) -> str:
    """Set the allocator as the option says; a Markdown line on it."""
    if options.keep_freed_memory:
        skpc.keep_freed_memory()
    libc = " ".join(platform.libc_ver())
    return f"- allocator: {libc}, " + (
        "skpc.keep_freed_memory()" if options.keep_freed_memory else "as it is"
    )


def header(threads: int) -> str:
    """Markdown lines: command (without paths), machine, versions, threads."""
    pairs = zip(["", *sys.argv[1:]], sys.argv[1:], strict=False)
    words = [PATHS.get(before, word) for before, word in pairs]
    command = f"python benchmarks/{Path(sys.argv[0]).name} {shlex.join(words)}".rstrip()
    versions = ", ".join(
        f"{module.__name__} {module.__version__}" for module in (torch, sklearn, numpy, scipy)
    )
    return "\n".join(
        [
            f"- command: `{command}`",
            f"- date: {date.today().isoformat()}",
            f"- machine: {processor()}; GPU: {_gpu()}",
            f"- versions: python {platform.python_version()}, skpc {skpc.__version__}, {versions}",
            f"- threads: {threads}",
        ]
    )


def _gpu() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "none, not measured"
