"""Folded layers, and the passes up and down through them."""
