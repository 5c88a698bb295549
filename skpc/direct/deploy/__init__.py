"""Draws of integer weights in a few bits each, for prediction by integers on small devices."""

from .packed import PackedEnsemble
from .packing import pack

__all__ = ["PackedEnsemble", "pack"]
