"""Sphinx configuration: ``python -m sphinx -W doc doc/_build``."""

import tempfile
from pathlib import Path

import skpc

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


def script_arguments(gallery_conf, script_vars):
    """Keep the quickstart's picture out of the source tree."""
    if Path(script_vars["src_file"]).name != "plot_quickstart.py":
        return []
    return ["--output", str(Path(tempfile.mkdtemp()) / "quickstart.png")]


sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "reset_argv": script_arguments,
    "write_computation_times": False,
}
