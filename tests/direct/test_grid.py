import numpy as np
import pytest

from skpc.direct.model import (
    PRIOR_SHAPES,
    PRIORS,
    custom_log_prior,
    edge_of,
    integer_codes,
    named_log_prior,
    noise_levels,
)


@pytest.mark.parametrize("n_bits", range(2, 9))
def test_codes_are_symmetric_and_fit_their_bits(n_bits):
    codes = integer_codes(n_bits)
    assert len(codes) == 2**n_bits - 1
    assert (codes == -codes[::-1]).all()
    assert (codes.astype(np.int8) == codes).all()
    assert codes.max() == 2 ** (n_bits - 1) - 1


@pytest.mark.parametrize("name", PRIORS)
@pytest.mark.parametrize("n_bits", [2, 4, 8])
def test_priors_are_symmetric_distributions(name, n_bits):
    codes = integer_codes(n_bits)
    for shape in PRIOR_SHAPES[name]:
        p = np.exp(named_log_prior(name, codes, shape))
        assert p.sum() == pytest.approx(1.0)
        assert (p > 0).all()
        assert np.allclose(p, p[::-1])
        assert p.argmax() == len(p) // 2 or name == "uniform"


def test_widths_are_shares_of_the_largest_code():
    codes = integer_codes(8)
    p = np.exp(named_log_prior("normal", codes, 0.2))
    assert np.sqrt(p @ codes**2) == pytest.approx(0.2 * 127, rel=1e-3)
    p = np.exp(named_log_prior("laplace", codes, 0.1))
    assert p @ np.abs(codes) == pytest.approx(0.1 * 127, rel=0.01)
    assert np.exp(named_log_prior("spike", codes, 0.8))[127] == pytest.approx(0.8)


def test_custom_priors_are_normalised_and_checked():
    assert np.exp(custom_log_prior([1, 2, 1], 3)) == pytest.approx([0.25, 0.5, 0.25])
    with pytest.raises(ValueError, match=r"shape \(2,\).* each of 3 codes"):
        custom_log_prior([1, 2], 3)
    for bad in ([1, 0, 1], [1, -1, 1], [1, np.nan, 1]):
        with pytest.raises(ValueError, match="positive, finite probabilities"):
            custom_log_prior(bad, 3)


def test_noise_levels_and_their_edges():
    assert noise_levels(1e-4, 1.0, 5) == pytest.approx([1e-4, 1e-3, 1e-2, 0.1, 1.0])
    assert noise_levels(0.01, 1.0, 1) == pytest.approx([0.1])
    assert edge_of(np.array([0.5, 0.5, 0.0])) == -1
    assert edge_of(np.array([0.0, 0.4, 0.6])) == 1
    assert edge_of(np.array([1e-5, 1.0, 1e-5])) == 0
    assert edge_of(np.array([1.0])) == 0
