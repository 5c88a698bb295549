"""Passes of CP circuits in compiled C; torch computes the same where they are not there."""

from .library import available, state
from .program import Builder, Found, Program, Tables

__all__ = ["Builder", "Found", "Program", "Tables", "available", "state"]
