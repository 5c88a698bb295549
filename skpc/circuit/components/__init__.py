"""What a model is a mixture of: trees, Gaussians, latent mixtures."""
