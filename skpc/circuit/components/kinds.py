"""The kinds of components that a model can name; a new one adds a line."""

from .gaussians import Gaussians
from .kernels import Kernels
from .latent_mixture import LatentMixture
from .protocol import ComponentKind

_KINDS: tuple[ComponentKind, ...] = (Gaussians(), LatentMixture(), Kernels())
COMPONENTS: dict[str, ComponentKind] = {kind.name: kind for kind in _KINDS}
