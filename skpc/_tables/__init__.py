"""Frames and arrays to the numbers that a circuit models, and back."""
