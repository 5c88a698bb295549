"""What a model is a mixture of: trees, Gaussians, latent mixtures, kernels."""

from . import margins, mixture
from .bounds import Bounds
from .component import Component
from .gaussian_component import GaussianComponent
from .gaussians import Gaussians
from .kernels import KernelComponent, Kernels
from .kinds import COMPONENTS
from .latent_mixture import LatentMixture
from .margins import Margin
from .mixture import choose_weights
from .protocol import LEAST_WEIGHT, ComponentKind, ComponentTask, FittedComponent, Recorder

__all__ = [
    "COMPONENTS",
    "LEAST_WEIGHT",
    "Bounds",
    "Component",
    "ComponentKind",
    "ComponentTask",
    "FittedComponent",
    "GaussianComponent",
    "Gaussians",
    "KernelComponent",
    "Kernels",
    "LatentMixture",
    "Margin",
    "Recorder",
    "choose_weights",
    "margins",
    "mixture",
]
