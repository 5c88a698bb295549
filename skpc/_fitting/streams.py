"""Random streams of a fit, one for each phase.

A phase that is left out, or that draws more than before, moves no draw of another one.
"""

import numpy as np


class Streams:
    """Streams that are spawned by the names of phases.

    Parameters
    ----------
    random : numpy.random.RandomState
        Four words are drawn from it, whatever the fit does.
    """

    def __init__(self, random: np.random.RandomState) -> None:
        self._entropy = random.randint(0, 2**32, size=4, dtype=np.uint32).tolist()

    def of(self, phase: str) -> np.random.RandomState:
        """The stream of a phase, from its beginning."""
        sequence = np.random.SeedSequence([*self._entropy, *phase.encode()])
        return np.random.RandomState(np.random.MT19937(sequence))
