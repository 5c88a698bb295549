"""Passes of CP circuits in compiled C; torch computes the same where they are not there."""

from .library import available, state
from .program import TILE, Builder, Found, Leaves, Places, Program, Tables

__all__ = [
    "TILE",
    "Builder",
    "Found",
    "Leaves",
    "Places",
    "Program",
    "Tables",
    "available",
    "state",
]
