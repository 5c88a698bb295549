"""Questions to one circuit: densities, draws, moments, modes."""
