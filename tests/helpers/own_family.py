"""A leaf family as a user writes one: a class in a module of theirs, no gradient by hand."""

import torch

from skpc.circuit.leaves import Leaf


class Rayleigh(Leaf):
    """p(x) = x / s^2 exp(-x^2 / 2 s^2): T = x^2, theta = -1 / 2 s^2, A = log s^2, h = x."""

    name = "rayleigh"
    support = "positive"
    fill = 1.0
    has_base = True
    base_inside = True
    precise = True
    n_statistics = 1

    def statistics(self, x):
        return x.clamp(1e-150, 1e100).square()

    def log_base(self, x):
        return torch.log(x[:, 0])

    def log_partition(self, theta):
        return -torch.log(-2 * theta[:, 0])

    def natural(self, mu):
        return -1 / mu

    def expectation(self, theta):
        return -1 / theta

    def project(self, mu):
        return mu.clamp(0.01, 1e30)

    def reference(self):
        return torch.tensor([2.0], dtype=torch.float64)

    def spread(self, mu, noise):
        return self.project(mu * torch.exp(2 * noise - 1))

    def to_free(self, theta):
        return torch.log(-theta)

    def from_free(self, free):
        return -1 / torch.exp(-free).clamp(0.01, 1e30)

    def sample(self, theta, generator):
        u = torch.rand(theta.shape, generator=generator, dtype=theta.dtype, device=theta.device)
        return torch.sqrt(torch.log1p(-u) / theta)

    def mode(self, theta):
        return torch.sqrt(-0.5 / theta)

    def moments(self, theta):
        square = -0.5 / theta
        return torch.sqrt(square * torch.pi / 2), square * (4 - torch.pi) / 2

    def cdf(self, x, theta):
        return -torch.expm1(theta[:, 0].unsqueeze(2) * x.clamp_min(0).square())
