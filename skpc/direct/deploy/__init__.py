"""Draws of integer weights in a few bits each, for prediction by integers on small devices."""

from .consistency import check_header
from .packed import KIND, VERSION, PackedEnsemble
from .packing import pack

__all__ = ["KIND", "VERSION", "PackedEnsemble", "check_header", "pack"]
