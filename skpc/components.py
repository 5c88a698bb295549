"""What a model can be a mixture of: objects for the parameter `components` of the estimator.

A name, "gaussians", "latent_mixture" or "kernels", means such an object with its defaults. "trees"
is the circuit that the estimator's other parameters describe.
"""

from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Final, Literal, Self

from sklearn.base import BaseEstimator

from ._sklearn import Interval, StrOptions, validate_parameter_constraints
from .circuit.components import COMPONENTS, ComponentKind
from .circuit.components import Gaussians as GaussianKind
from .circuit.components import Kernels as KernelKind
from .circuit.components import LatentMixture as LatentKind

__all__ = ["Gaussians", "Kernels", "LatentMixture"]

TREES: Final = "trees"
AT_LEAST_ONE = Interval(Integral, 1, None, closed="left")


class _Settings(BaseEstimator):
    """Parameters of a kind of component, checked when a fit asks for the kind."""

    _kind: ClassVar[Callable[..., ComponentKind]]
    _parameter_constraints: ClassVar[dict[str, list[Any]]]

    # Parameters can be set, so that a hash could change.
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        """Whether it is of the same class and has the same parameters."""
        if type(other) is not type(self):
            return NotImplemented
        return bool(self.get_params() == other.get_params())

    def state(self) -> dict[str, Any]:
        """The parameters, for files."""
        return dict(self.get_params())

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The object from what `state` returned."""
        made = cls(**state)
        made.kind()
        return made

    def kind(self) -> ComponentKind:
        """The component with these parameters, as the circuits know it.

        Raises
        ------
        ValueError
            If a parameter is not what is accepted.
        """
        parameters = self.get_params()
        validate_parameter_constraints(
            self._parameter_constraints, parameters, caller_name=type(self).__name__
        )
        return type(self)._kind(**{name: _plain(value) for name, value in parameters.items()})


class Gaussians(_Settings):
    r"""A mixture of Gaussians with full covariances over all columns of numbers.

    .. math:: p(x) = \sum_k w_k \, N(x_s; \mu_k, \Sigma_k) \prod_{c \notin s} p_{kc}(x_c)

    where s are the columns of numbers. Within a unit k all other columns are independent; a zero or
    another atom that stands out in a column of numbers has a probability of its own. Missing cells
    are integrated out exactly, in training as in every query.

    It pays where numbers move together: trees cut a narrow ridge into many small boxes, and one
    covariance describes it. By default it competes from 100 rows on, on tables of 2 to 200 columns
    of numbers. Its cost grows by the square of their number d: a unit stores d (d + 3) / 2 numbers
    for them, a step of EM takes about 4 d^2 operations per row and unit, and each pattern of
    missing cells needs a factorisation.

    Parameters
    ----------
    n_units : int or "auto", default="auto"
        Units of the mixture. "auto": the mixtures of 3, 12, 48 and 128 units that have ten rows for
        each unit are fitted, and joined by their weights on held-out rows.

    See Also
    --------
    LatentMixture : For tables in which a few hidden numbers move all columns.

    References
    ----------
    Z. Ghahramani and M. I. Jordan, "Supervised learning from incomplete data via an EM approach",
    NIPS 1993.

    Examples
    --------
    >>> from skpc.components import Gaussians
    >>> Gaussians(n_units=8)
    Gaussians(n_units=8)
    >>> Gaussians().set_params(n_units=8) == Gaussians(n_units=8)
    True
    """

    _kind = GaussianKind
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_units": [AT_LEAST_ONE, StrOptions({"auto"})],
    }

    def __init__(self, n_units: int | Literal["auto"] = "auto") -> None:
        self.n_units = n_units


class LatentMixture(_Settings):
    r"""A mixture whose units a small network decodes from points of a latent space.

    .. math:: p(x) = \sum_n w_n \prod_c p_c(x_c; \theta_c(z_n))

    With the point z known the columns are independent; the network :math:`\theta` gives their
    distributions. As one network decodes all units, a thousand of them overfit less than as many
    free ones would. What remains after training is a circuit: every query is exact.

    It pays where a few hidden numbers move all columns at once, as in answers, baskets or pixels.
    By default it competes above 1,000 rows, on tables of at most 3,000 statistics (one for each
    category). It is the slowest component to train, at 800 to 2,500 steps for each network, and
    stores `n_points` distributions of every column for each.

    Parameters
    ----------
    n_networks : int, default=1
        Networks, each with points of its own, which are mixed within the component by their weights
        on held-out rows. Further ones gain a little, and each costs as much as the first.
    n_points : int, default=1024
        Points of each network, which are its units.
    max_iter : int or "auto", default="auto"
        Passes of each network over the rows. "auto": 12, but 800 to 2,500 steps of 128 rows; a
        number makes it that many at most. Training stops before where held-out rows no longer
        gain. A tenth of the passes is added in which the held-out rows are learned too.

    See Also
    --------
    Gaussians : For numbers that move together.

    References
    ----------
    A. H. C. Correia, G. Gala, E. Quaeghebeur, C. de Campos and R. Peharz, "Continuous mixtures of
    tractable probabilistic models", AAAI 2023.

    Examples
    --------
    >>> from skpc.components import LatentMixture
    >>> LatentMixture(n_points=256)
    LatentMixture(n_points=256)
    >>> LatentMixture().get_params()
    {'max_iter': 'auto', 'n_networks': 1, 'n_points': 1024}
    """

    _kind = LatentKind
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_networks": [AT_LEAST_ONE],
        "n_points": [AT_LEAST_ONE],
        "max_iter": [AT_LEAST_ONE, StrOptions({"auto"})],
    }

    def __init__(
        self,
        n_networks: int = 1,
        n_points: int = 1024,
        max_iter: int | Literal["auto"] = "auto",
    ) -> None:
        self.n_networks = n_networks
        self.n_points = n_points
        self.max_iter = max_iter


class Kernels(_Settings):
    r"""A unit for every row of training, spread by a bandwidth: a kernel density estimate.

    .. math:: p(x) = \sum_i w_i \prod_c p_c(x_c \mid x_{ic})

    The columns of a unit are independent and centred at the cells of its row: numbers are normal
    around them, other categories have a thousandth of their own probability. Cells that are missing
    in a row of training have their column's own distribution in its unit. Nothing is learned, so
    that a fit takes moments.

    It ranks rows well, as nearest neighbours do (`EinetOutlierDetector` uses it), with categories
    and missing cells, and answers all queries. Other components have higher likelihoods, so it
    competes only where it is named.

    Parameters
    ----------
    bandwidth : float, default=0.45
        Standard deviation of a number around its row's, at most 1,000, with leaves that have a
        floor of the variance ("gaussian", "numeric"). The unit is the standard deviation of its
        column or, if less, the range from its 1st to its 99th percentile over 4.65: a few extreme
        values do not hide all others.
    n_units : int, default=2000
        Most rows that are units: random ones of a larger table. Columns of very many categories
        allow fewer, as all units together have at most 8 million numbers.

    References
    ----------
    E. Parzen, "On estimation of a probability density function and mode", Annals of Mathematical
    Statistics 1962.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skpc import EinetDensityEstimator
    >>> from skpc.components import Kernels
    >>> Kernels(bandwidth=0.3)
    Kernels(bandwidth=0.3)
    >>> X = load_iris().data
    >>> model = EinetDensityEstimator(leaf="gaussian", components="kernels").fit(X)
    >>> bool(model.score_samples(X).min() > model.score_samples(X[:1] + 5)[0])
    True
    """

    _kind = KernelKind
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "bandwidth": [Interval(Real, 0, 1000, closed="right")],
        "n_units": [AT_LEAST_ONE],
    }

    def __init__(self, bandwidth: float = 0.45, n_units: int = 2000) -> None:
        self.bandwidth = bandwidth
        self.n_units = n_units


# Classes of which files hold objects, by their names there.
KEPT: dict[str, type] = {
    "components.Gaussians": Gaussians,
    "components.LatentMixture": LatentMixture,
    "components.Kernels": Kernels,
    "circuit.Gaussians": GaussianKind,
    "circuit.LatentMixture": LatentKind,
    "circuit.Kernels": KernelKind,
}


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's own, which files hold."""
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else value


def kinds_of(components: Any) -> tuple[ComponentKind | Literal["trees"], ...]:
    """The kinds that a value of `components` names, in its order; the trees are their name.

    Parameters
    ----------
    components : str, object, or list or tuple of them
        Names, objects of this module, and objects with the members of `ComponentKind`. "auto" is
        no name.

    Raises
    ------
    ValueError
        If it names nothing, an unknown component, or a component twice; and for a parameter of a
        component that is not accepted.
    """
    several = isinstance(components, Sequence) and not isinstance(components, str)
    kinds = tuple(map(_kind_of, components if several else [components]))
    names = [kind if isinstance(kind, str) else kind.name for kind in kinds]
    if not names:
        raise ValueError(f"components is empty; a model needs at least one of {_accepted()}.")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"components names {name!r} twice; each component can join once.")
    return kinds


def _kind_of(component: Any) -> ComponentKind | Literal["trees"]:
    """The kind of one name or object."""
    if isinstance(component, _Settings):
        return component.kind()
    if isinstance(component, str):
        if component == TREES:
            return TREES
        if component in COMPONENTS:
            return COMPONENTS[component]
    elif isinstance(component, ComponentKind) and not isinstance(component, type):
        return component
    raise ValueError(f"components has {component!r}; accepted are {_accepted()}.")


def _accepted() -> str:
    """Names and objects that are accepted, for messages."""
    names = ", ".join(map(repr, [TREES, *COMPONENTS]))
    return f"{names}, and Gaussians(...), LatentMixture(...) and Kernels(...) of skpc.components"
