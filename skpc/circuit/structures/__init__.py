"""Region graphs, and what builds them."""
