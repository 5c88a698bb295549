"""Folded layers: sums, products, mixtures and the root."""

from .base import Layer
from .cp import EdgeSums, Products
from .mixing import Mixing, Single
from .root import Root
from .tucker import Tucker

__all__ = ["EdgeSums", "Layer", "Mixing", "Products", "Root", "Single", "Tucker"]
