"""The kind of array that every room of DIRECT works on."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
