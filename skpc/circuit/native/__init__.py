"""Passes of CP circuits in compiled C; torch computes the same where they are not there."""

from .library import available, state
from .program import Builder, Found, Leaves, Places, Program, Tables

__all__ = ["Builder", "Found", "Leaves", "Places", "Program", "Tables", "available", "state"]
