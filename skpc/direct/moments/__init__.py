"""Second moments of rows, in blocks."""
