"""A leaf family over several columns, as a user writes one: a normal density with a covariance."""

from math import log, pi

import torch

from skpc.circuit.leaves import GroupLeaf


class Joint(GroupLeaf):
    """N(m, C) of d columns: T = (x, vec(x x')), theta = (C^-1 m, -vec(C^-1) / 2)."""

    name = "joint"
    support = "real"
    has_base = True
    precise = True

    def __init__(self, d, floor=1e-3):
        self.n_columns, self.floor = d, floor

    @property
    def n_statistics(self):
        return self.n_columns + self.n_columns**2

    @property
    def n_free(self):
        return self.n_columns + self.n_columns * (self.n_columns + 1) // 2

    def statistics(self, x):
        return torch.cat([x, (x.unsqueeze(2) * x.unsqueeze(1)).flatten(1, 2)], dim=1)

    def log_base(self, x):
        return torch.full_like(x[:, 0], -0.5 * self.n_columns * log(2 * pi))

    def log_partition(self, theta):
        m, c = self.normal(theta)
        solved = torch.linalg.solve(c, m.unsqueeze(-1)).squeeze(-1)
        return 0.5 * ((m * solved).sum(dim=-1) + torch.linalg.slogdet(c).logabsdet)

    def normal(self, theta):
        """Means (n, K, d) and covariances (n, K, d, d)."""
        d = self.n_columns
        theta = theta.transpose(1, 2)
        c = torch.linalg.inv(-2 * theta[..., d:].unflatten(-1, (d, d)))
        return (c @ theta[..., :d].unsqueeze(-1)).squeeze(-1), c

    def of_normal(self, m, c):
        p = torch.linalg.inv(c)
        linear = (p @ m.unsqueeze(-1)).squeeze(-1)
        return torch.cat([linear, -0.5 * p.flatten(-2)], dim=-1).transpose(1, 2)

    def natural(self, mu):
        d = self.n_columns
        mu = mu.transpose(1, 2)
        m = mu[..., :d]
        c = mu[..., d:].unflatten(-1, (d, d)) - m.unsqueeze(-1) * m.unsqueeze(-2)
        return self.of_normal(m, c)

    def expectation(self, theta):
        m, c = self.normal(theta)
        return self.of_moments(m, c)

    def of_moments(self, m, c):
        second = c + m.unsqueeze(-1) * m.unsqueeze(-2)
        return torch.cat([m, second.flatten(-2)], dim=-1).transpose(1, 2)

    def project(self, mu):
        d = self.n_columns
        m = mu.transpose(1, 2)[..., :d]
        second = mu.transpose(1, 2)[..., d:].unflatten(-1, (d, d))
        values, vectors = torch.linalg.eigh(second - m.unsqueeze(-1) * m.unsqueeze(-2))
        c = (vectors * values.clamp_min(self.floor).unsqueeze(-2)) @ vectors.mT
        return self.of_moments(m, c)

    def reference(self):
        d = self.n_columns
        return torch.cat([torch.zeros(d), torch.eye(d).flatten()]).double()

    def spread(self, mu, noise):
        d, k = self.n_columns, noise.shape[2]
        m, c = self.normal(self.natural(self.project(mu)))
        z = torch.special.ndtri(noise[:, :d].clamp(1e-4, 1 - 1e-4)).transpose(1, 2).unsqueeze(-1)
        means = m + (torch.linalg.cholesky(c) @ z).squeeze(-1)
        return self.of_moments(means, 0.5 * c.expand(-1, k, -1, -1))

    def to_free(self, theta):
        return theta

    def from_free(self, free):
        return self.natural(self.project(self.expectation(free)))

    def sample(self, theta, generator):
        m, c = self.normal(theta)
        z = torch.randn(m.shape, generator=generator, dtype=m.dtype).unsqueeze(-1)
        return (m + (torch.linalg.cholesky(c) @ z).squeeze(-1)).transpose(1, 2)

    def mode(self, theta):
        return self.normal(theta)[0].transpose(1, 2)

    def moments(self, theta):
        m, c = self.normal(theta)
        return m.transpose(1, 2), c.diagonal(dim1=-2, dim2=-1).transpose(1, 2)

    def marginal(self, theta, seen):
        m, c = self.normal(theta)
        family, seen = Joint(len(seen), self.floor), list(seen)
        return family, family.of_normal(m[..., seen], c[..., seen, :][..., seen])

    def given(self, theta, seen, x):
        """Means (n, K, B, d - o) and covariance (n, K, d - o, d - o) of the hidden columns."""
        hidden = [i for i in range(self.n_columns) if i not in seen]
        seen = list(seen)
        m, c = self.normal(theta)
        gain = torch.linalg.solve(c[..., seen, :][..., seen], c[..., seen, :][..., hidden]).mT
        apart = x.transpose(1, 2).unsqueeze(1) - m[..., None, seen]
        means = m[..., None, hidden] + apart @ gain.mT
        return means, c[..., hidden, :][..., hidden] - gain @ c[..., seen, :][..., hidden]

    def completed(self, theta, seen, x, flow):
        hidden = [i for i in range(self.n_columns) if i not in seen]
        means, covariance = self.given(theta, seen, x)
        whole = means.new_zeros((*means.shape[:-1], self.n_columns))
        whole[..., hidden] = means
        whole[..., list(seen)] = x.transpose(1, 2).unsqueeze(1)
        first = torch.einsum("nkb,nkbd->nkd", flow, whole)
        second = torch.einsum("nkb,nkbd,nkbe->nkde", flow, whole, whole)
        spread = second.new_zeros(second.shape)
        rows, columns = torch.meshgrid(torch.tensor(hidden), torch.tensor(hidden), indexing="ij")
        spread[..., rows, columns] = covariance
        second = second + flow.sum(dim=2)[..., None, None] * spread
        return torch.cat([first, second.flatten(-2)], dim=-1).transpose(1, 2)

    def moments_given(self, theta, seen, x):
        means, covariance = self.given(theta, seen, x)
        variance = covariance.diagonal(dim1=-2, dim2=-1)[..., None].expand(-1, -1, -1, x.shape[2])
        return means.permute(0, 3, 1, 2), variance.transpose(1, 2)

    def sample_given(self, theta, seen, x, generator):
        # One unit and one row at a time: (n, t, 1) and (n, o, 1).
        means, covariance = self.given(theta, seen, x)
        z = torch.randn(means.shape, generator=generator, dtype=means.dtype)
        drawn = means + z @ torch.linalg.cholesky(covariance).mT
        return drawn[:, 0].transpose(1, 2)

    def mode_given(self, theta, seen, x):
        return self.given(theta, seen, x)[0][:, 0].transpose(1, 2)
