"""Packed codes come back as they were, and predict what they should."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.direct_packs import ensemble, features, random_codes, steps_of, units_of
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from skpc.direct import PackedEnsemble
from skpc.direct.deploy import bits, pack

KINDS = ("one", "powers", "any", "wide")
SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 20))


@settings(deadline=None)
@given(data=st.data(), n_bits=st.integers(2, 8), shape=SHAPES)
def test_codes_come_back_from_both_layouts(data, n_bits, shape):
    largest = 2 ** (n_bits - 1) - 1
    codes = data.draw(arrays(np.int8, shape, elements=st.integers(-largest, largest)))
    for layout in (bits.dense, bits.sparse, bits.smaller):
        stream, mask = layout(codes, n_bits)
        assert (bits.unpack_codes(stream, mask, n_bits, *shape) == codes).all()
    packed = ensemble(n_bits, codes=codes)
    assert packed.codes().dtype == np.int8
    assert (packed.codes() == codes).all()


@settings(deadline=None)
@given(data=st.data(), width=st.integers(0, 8), count=st.integers(0, 50))
def test_fields_come_back_from_a_stream_without_gaps(data, width, count):
    values = data.draw(arrays(np.uint8, count, elements=st.integers(0, 2**width - 1)))
    stream = bits.pack_fields(values, width)
    assert len(stream) == -(-count * width // 8)
    assert (bits.unpack_fields(stream, width, count) == values).all()


@pytest.mark.parametrize("n_bits", range(2, 9))
@pytest.mark.parametrize("zeros", [0.0, 0.5, 1.0])
def test_layouts_predict_alike_and_the_smaller_one_is_taken(n_bits, zeros):
    codes = random_codes(n_bits, 4, 40, zeros)
    packed = ensemble(n_bits, codes=codes)
    rows = features(packed, 30)
    sizes = []
    for layout in (bits.dense, bits.sparse):
        stream, mask = layout(codes, n_bits)
        other = PackedEnsemble(
            **{**vars(packed), "code_stream": stream, "mask_stream": mask},
        )
        assert (other.predict(rows) == packed.predict(rows)).all()
        inputs = packed.quantise(rows)
        assert (other.sums(inputs) == packed.sums(inputs)).all()
        sizes.append(other.nbytes)
    assert packed.nbytes == min(sizes)


@pytest.mark.parametrize("n_bits", range(2, 9))
def test_bytes_are_those_of_codes_masks_exponents_and_three_numbers(n_bits):
    codes = np.full((8, 500), -1, dtype=np.int8)
    assert ensemble(n_bits, codes=codes).nbytes == 500 * n_bits + 24
    # Exponents of 0 to 8 take 4 bits a feature, whatever the number of draws.
    assert ensemble(n_bits, codes=codes, steps="powers").nbytes == 500 * n_bits + 250 + 24
    codes[:, 50:] = 0
    stored = 8 * 50 * n_bits // 8
    assert ensemble(n_bits, codes=codes).nbytes == 8 * 500 // 8 + stored + 24


def test_four_bits_take_a_fourteenth_of_float64():
    codes = random_codes(4, 8, 500)
    for steps in ("one", "powers"):
        packed = ensemble(4, codes=codes, steps=steps)
        assert packed.nbytes <= codes.size * 8 / 14
    one = ensemble(4, codes=codes)
    assert len(one.code_stream) == codes.size * 8 // 16
    assert ensemble(4, codes=codes[:1]).nbytes <= 500 * 8 / 14


@pytest.mark.parametrize("steps", KINDS)
@pytest.mark.parametrize("n_bits", [2, 4, 7, 8])
def test_predictions_are_those_of_unpacked_weights(n_bits, steps):
    codes = random_codes(n_bits, 6, 30)
    step = steps_of(steps, 30)
    packed = ensemble(n_bits, codes=codes, steps=steps)
    centre, spread = units_of(30)
    rows = features(packed, 200)
    by_hand = (rows - centre) / spread @ (codes * step).T - 12.5
    assert packed.weights() == pytest.approx(codes * step / spread, rel=1e-12)
    mean, std = packed.predict(rows, return_std=True)
    scale = np.abs(by_hand).max()
    assert mean == pytest.approx(by_hand.mean(axis=1), rel=1e-9, abs=1e-12 * scale)
    assert std == pytest.approx(np.sqrt(by_hand.var(axis=1) + 0.81), rel=1e-9)
    assert (packed.predict(rows) == mean).all()


@pytest.mark.parametrize("steps", KINDS)
@pytest.mark.parametrize("n_bits", [2, 4, 8])
def test_integer_inputs_predict_what_their_features_do(n_bits, steps):
    packed = ensemble(n_bits, n_samples=5, n_features=40, zeros=0.4, steps=steps)
    inputs = np.random.RandomState(1).randint(-128, 128, (300, 40)).astype(np.int8)
    rows = packed.offset + packed.scale * inputs
    mean, std = packed.predict_quantised(inputs, return_std=True)
    wanted_mean, wanted_std = packed.predict(rows, return_std=True)
    # Differences of two features lose digits where offsets are large.
    scale = np.abs(wanted_mean).max()
    assert mean == pytest.approx(wanted_mean, rel=1e-9, abs=1e-10 * scale)
    assert std == pytest.approx(wanted_std, rel=1e-8)
    assert (packed.predict_quantised(inputs) == mean).all()


def test_one_draw_has_the_noise_as_its_spread():
    packed = ensemble(n_samples=1)
    rows = features(packed, 5)
    assert packed.predict(rows, return_std=True)[1] == pytest.approx(0.9)
    assert packed.predict_quantised(packed.quantise(rows), return_std=True)[1] == pytest.approx(0.9)


def test_std_is_that_of_the_draws_as_a_mixture():
    packed = ensemble(n_samples=4)
    inputs = packed.quantise(features(packed, 7))
    draws = packed.sums(inputs) * packed.unit + packed.intercept
    mean, std = packed.predict_quantised(inputs, return_std=True)
    assert mean == pytest.approx(draws.mean(axis=1))
    assert std**2 == pytest.approx((draws**2).mean(axis=1) - draws.mean(axis=1) ** 2 + 0.81)


@pytest.mark.parametrize("steps", KINDS)
def test_quantising_rounds_to_the_nearest_level_and_saturates(steps):
    packed = ensemble(steps=steps)
    rows = features(packed, 500)
    inputs = packed.quantise(rows)
    levels = (rows - packed.offset) / packed.scale
    inside = np.abs(levels) < 127.49
    assert np.abs(inputs - levels)[inside].max() <= 0.5 + 1e-9
    assert (inputs[levels > 127.5] == 127).all()
    assert (inputs[levels < -127.5] == -127).all()
    assert (np.abs(levels) > 128).any()
    assert (packed.quantise(packed.offset[None]) == 0).all()
    far = np.full((1, packed.n_features), 1e300)
    assert (np.abs(packed.quantise(far).astype(int)) == 127).all()


def test_of_two_layouts_of_one_size_the_dense_one_is_taken():
    codes = np.array([[1, 1, 1, 1, 0, 0, 0, 0]], dtype=np.int8)
    assert sum(map(len, bits.dense(codes, 2))) == sum(map(len, bits.sparse(codes, 2)))
    assert not len(ensemble(2, codes=codes).mask_stream)


def test_without_noise_the_std_is_that_of_the_draws():
    packed = replace(ensemble(), noise_variance=0.0)
    rows = features(packed, 5)
    draws = (rows - packed.offset) @ packed.weights().T
    assert packed.predict(rows, return_std=True)[1] == pytest.approx(draws.std(axis=1))


def test_inputs_between_two_levels_are_even():
    packed = replace(ensemble(n_features=6), offset=np.zeros(6), scale=np.ones(6))
    inputs = packed.quantise(np.array([[-1.5, -0.5, 0.5, 1.5, 2.5, 126.5]]))
    assert inputs.tolist() == [[-2, 0, 0, 2, 2, 126]]


def test_inputs_reach_the_range_they_were_given():
    shared = {"step": np.array([1.0, 4.0]), "centre": np.zeros(2), "spread": np.ones(2)}
    codes = np.array([[3, -2]], dtype=np.int8)
    for reach in (2.0, 4.0, 8.0):
        packed = pack(codes, 4, **shared, intercept=0.0, noise_variance=1.0, input_range=reach)
        assert packed.quantise(np.array([[reach, -reach]])).tolist() == [[127, -127]]
        assert packed.scale == pytest.approx([reach / 127] * 2)
    # A step that is no power of two of the others has coarser levels, and reaches further.
    uneven = shared | {"step": np.array([1.0, 3.0])}
    packed = pack(codes, 4, **uneven, intercept=0.0, noise_variance=1.0, input_range=4.0)
    assert packed.exponents().tolist() == [0, 1]
    assert packed.scale == pytest.approx([4 / 127 * 3 / 2, 4 / 127])
    # Steps that are nearly alike take no bits.
    uneven = shared | {"step": np.array([1.0, 1.01])}
    packed = pack(codes, 4, **uneven, intercept=0.0, noise_variance=1.0, input_range=4.0)
    assert packed.exponent_bits == 0
    assert packed.scale == pytest.approx([4 / 127 * 1.01, 4 / 127])


@pytest.mark.parametrize("steps", KINDS)
def test_no_sum_exceeds_its_bound(steps):
    packed = ensemble(8, n_samples=4, n_features=50, steps=steps)
    worst = np.where(packed.codes() > 0, -128, 127).astype(np.int8)
    sums = packed.sums(np.concatenate([worst, -worst - 1]))
    assert np.abs(sums).max() <= packed.largest_sum
    assert np.abs(sums).max() > 0.9 * packed.largest_sum


def test_the_bound_holds_for_shifted_inputs_of_weights_that_are_all_zero():
    packed = pack(
        np.array([[1, 0]], dtype=np.int8),
        4,
        step=np.array([1.0, 32.0]),
        centre=np.zeros(2),
        spread=np.ones(2),
        intercept=0.0,
        noise_variance=1.0,
        input_range=4.0,
    )
    assert packed.largest_sum >= 128 * 2**5


def test_sums_are_exact_up_to_the_largest_code_that_is_packed():
    """Twice 64 2**39 128 is 2**53; with a code less nothing is rounded."""
    shared = {
        "step": np.array([1.0, 2.0**39]),
        "centre": np.zeros(2),
        "spread": np.ones(2),
        "intercept": 0.0,
        "noise_variance": 1.0,
        "input_range": 4.0,
    }
    packed = pack(np.array([[0, 63]], dtype=np.int8), 8, **shared)
    assert packed.sums(np.array([[127, -128]], dtype=np.int8)) == -128 * 63 * 2**39
    codes = np.array([[0, 64]], dtype=np.int8)
    with pytest.raises(ValueError, match=r"weight_scale_ reaches from 1 to .* pass 2\*\*53"):
        pack(codes, 8, **shared)
    with pytest.raises(ValueError, match=r"pass 2\*\*53"):
        replace(packed, code_stream=bits.dense(codes, 8)[0], mask_stream=np.zeros(0, np.uint8))


def test_steps_too_far_apart_are_refused():
    shared = {"centre": np.zeros(2), "spread": np.ones(2), "intercept": 0.0}
    codes = np.ones((2, 2), dtype=np.int8)
    for far in (2.0**46, 1e300):
        with pytest.raises(ValueError, match=r"weight_scale_ reaches from 1 to .* pass 2\*\*53"):
            pack(codes, 4, np.array([1.0, far]), noise_variance=1.0, input_range=4.0, **shared)


def test_bad_tables_are_named():
    packed = ensemble(n_features=3)
    good = np.zeros((6, 3))
    for method in (packed.predict, packed.quantise):
        for table in (good[:, :2], good[0], np.zeros((6, 4))):
            with pytest.raises(ValueError, match=r"shape .*\(n_rows, 3\) is accepted"):
                method(table)
        for value, kind in ((np.nan, "NaN"), (-np.inf, "infinity")):
            table = good.copy()
            table[4, 1] = value
            with pytest.raises(ValueError, match=f"X contains {kind} in column 1, row 4"):
                method(table)
    for method in (packed.sums, packed.predict_quantised):
        with pytest.raises(ValueError, match=r"\(n_rows, 3\) is accepted"):
            method(good[:, :2].astype(np.int8))
        with pytest.raises(TypeError, match="dtype float64; int8 from quantise"):
            method(good)


def test_inputs_are_left_alone_and_no_rows_give_no_predictions():
    packed = ensemble(steps="any")
    rows = features(packed, 10)
    before = rows.copy()
    packed.predict(rows, return_std=True)
    inputs = packed.quantise(rows)
    kept_inputs = inputs.copy()
    packed.predict_quantised(inputs, return_std=True)
    assert (rows == before).all()
    assert (inputs == kept_inputs).all()
    assert packed.predict(rows[:0]).shape == (0,)
    assert packed.predict_quantised(inputs[:0], return_std=True)[1].shape == (0,)
