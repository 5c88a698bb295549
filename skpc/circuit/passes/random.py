"""Random streams of torch, seeded from those of NumPy."""

import numpy as np
import torch


def seeded(random: np.random.RandomState, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of torch; fits use the CPU, so that a seed has the same draws on all devices."""
    return torch.Generator(device).manual_seed(int(random.randint(np.iinfo(np.int32).max)))
