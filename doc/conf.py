"""Sphinx configuration: ``python -m sphinx -W doc doc/_build``, by the `doc` extra."""

import importlib
import inspect
import tempfile
from pathlib import Path
from types import FunctionType

from sphinx.util import logging

import skpc
from skpc.circuit.leaves import FAMILIES

# Names that api.rst must describe, with all methods of classes.
PUBLIC = {
    "skpc": [name for name in skpc.__all__ if name != "__version__"],
    "skpc.components": skpc.components.__all__,
    "skpc.circuit": skpc.circuit.__all__,
    "skpc.circuit.leaves": ["Leaf", *(family.__name__ for family in FAMILIES.values())],
    "skpc.direct": skpc.direct.__all__,
}

project = "skpc"
author = "The skpc developers"
copyright = "2026, The skpc developers"
version = release = skpc.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
html_extra_path = ["architecture.md", "guide.md"]
html_show_sourcelink = False

# The gallery's settings hold a function.
suppress_warnings = ["config.cache"]

autosummary_generate = True
numpydoc_show_class_members = False
templates_path = ["_templates"]


def script_arguments(gallery_conf, script_vars):
    """Keep the files that examples write out of the source tree."""
    folder, source = Path(tempfile.mkdtemp()), Path(script_vars["src_file"]).read_text()
    files = {"--output": "picture.png", "--header": "model.h"}
    return [
        argument
        for option, file in files.items()
        if f'"{option}"' in source
        for argument in (option, str(folder / file))
    ]


sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "reset_argv": script_arguments,
    "write_computation_times": False,
}


def skip_foreign(app, what, name, member, skip, options):
    """Leave out what others define: its docstrings name labels of their own documentation."""
    function = getattr(member, "fget", None) or inspect.unwrap(getattr(member, "__func__", member))
    module = getattr(function, "__module__", None) or "skpc"
    return skip or not module.startswith("skpc")


def check_members(app, env):
    """Warn of public names without an entry, and of methods that a page leaves out."""
    described = env.domains["py"].objects
    for module, names in PUBLIC.items():
        for name in names:
            path = f"{module}.{name}"
            value = getattr(importlib.import_module(module), name)
            members = [path, *(f"{path}.{member}" for member in methods_of(value))]
            for missing in [member for member in members if member not in described]:
                logging.getLogger(__name__).warning("%s is not described in api.rst", missing)


def methods_of(value):
    """Public methods and properties of a class that skpc defines."""
    if not inspect.isclass(value):
        return []
    members = [(name, inspect.getattr_static(value, name)) for name in dir(value)]
    return [
        name
        for name, member in members
        if not name.startswith("_")
        and isinstance(member, FunctionType | classmethod | staticmethod | property)
        and not skip_foreign(None, None, name, member, False, None)
    ]


def setup(app):
    """Called by Sphinx."""
    app.connect("autodoc-skip-member", skip_foreign)
    app.connect("env-check-consistency", check_members)
