"""Compiles the passes of circuits where a C compiler is found; without one torch computes them."""

import ctypes
import os
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path("skpc", "circuit", "native")
# The kernel makes no NaN, no signed zeros and no traps; sums keep their order.
FLAGS = [
    "-O3", "-std=gnu11", "-shared", "-fPIC",
    "-ffinite-math-only", "-fno-signed-zeros", "-fno-trapping-math", "-fno-math-errno",
]  # fmt: skip
# With these a library that is loaded changes the arithmetic of the process, of other packages too.
REFUSED = ("-ffast-math", "-Ofast", "-funsafe-math-optimizations")
# Some platforms do not choose between versions of a function at run time.
VARIANTS = [[], ["-DSKPC_NO_CLONES"]]


class CustomBuildHook(BuildHookInterface):
    """Adds the compiled library to a wheel, or to the folder of an editable install."""

    def initialize(self, version: str, build_data: dict) -> None:
        """Compile; a wheel with the library is one of a platform."""
        self.temporary = None
        source = Path(self.root, FOLDER)
        name = loader(source).NAME
        if version == "editable":
            target = source / name
        else:
            self.temporary = Path(tempfile.mkdtemp())
            target = self.temporary / name
        target.unlink(missing_ok=True)
        if not compiled(source / "kernel.c", target):
            self.app.display_warning("No C compiler was found that builds skpc's compiled passes.")
            return
        build_data["pure_python"] = False
        # The library knows neither Python nor torch: one wheel serves all versions on a platform.
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"
        if version != "editable":
            build_data["force_include"][str(target)] = str(FOLDER / name)

    def finalize(self, version: str, build_data: dict, artifact_path: str) -> None:
        """Leave nothing behind."""
        if self.temporary is not None:
            shutil.rmtree(self.temporary, ignore_errors=True)


def loader(folder: Path) -> ModuleType:
    """What loads the library in skpc, which needs nothing that is installed later."""
    spec = spec_from_file_location("library", folder / "library.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compiled(source: Path, target: Path) -> bool:
    """Whether one of the compilers built a library that loads."""
    if os.name != "posix":
        return False
    stamp = f"-DSKPC_SOURCES={loader(source.parent).checksum(source.parent)}u"
    compilers = [os.environ.get("CC", ""), "cc", "gcc", "clang"]
    for compiler in filter(None, compilers):
        for variant in VARIANTS:
            flags = [*FLAGS, *variant, stamp, str(source), "-o", str(target), "-lm"]
            try:
                words = [word for word in shlex.split(compiler) if word not in REFUSED]
                run = subprocess.run([*words, *flags], capture_output=True)
                if run.returncode == 0:
                    ctypes.CDLL(str(target))
                    return True
            except (OSError, ValueError):
                continue
    target.unlink(missing_ok=True)
    return False
