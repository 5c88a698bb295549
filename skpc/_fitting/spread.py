"""The protocol of a table that is in blocks elsewhere, of which a fit has a sample.

Axes: n rows of the sample.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..circuit.training import Source
from .plan import Plan


class Spread(Protocol):
    """A table in blocks on other machines, or on disk."""

    def source(self, plan: Plan, held: NDArray[np.intp] | None) -> Source:
        """All rows as training reads them, encoded by a plan.

        Parameters
        ----------
        plan : Plan
        held : ndarray of int or None
            Positions of rows of the sample that are held out, and which the source leaves out.
        """
