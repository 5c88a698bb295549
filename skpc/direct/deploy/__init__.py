"""Draws of weights in few bits, for small devices."""
