"""The model on its grid: the exact ELBO, posteriors and what they predict."""
