"""Questions to a fitted density, in the units and types of its table."""
