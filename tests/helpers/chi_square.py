"""Pearson's test, for means that need not sum to the number of draws."""

import numpy as np
from scipy.stats import chi2


def chi_square(counts, means):
    """P-value of counts against their means; SciPy's own wants equal sums."""
    counts, means = np.asarray(counts), np.asarray(means)
    return chi2.sf(((counts - means) ** 2 / means).sum(), len(counts) - 1)
