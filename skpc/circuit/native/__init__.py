"""Training steps of CP circuits in compiled C; torch computes the same where it is not there."""

from .builder import Builder
from .leaves import Column, Entry, Group, LeafPlan, Places
from .library import available, state
from .program import Found, Program, Values
from .reading import Read, Reader
from .update import Updates, update_sums

__all__ = [
    "Builder",
    "Column",
    "Entry",
    "Found",
    "Group",
    "LeafPlan",
    "Places",
    "Program",
    "Read",
    "Reader",
    "Updates",
    "Values",
    "available",
    "state",
    "update_sums",
]
