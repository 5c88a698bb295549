"""Fields of packed ensembles that do not agree are refused, in files and by the class."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.direct_packs import contents, ensemble
from hypothesis import given, settings
from hypothesis import strategies as st

from skpc._files import write
from skpc.direct import PackedEnsemble

STREAMS = ("code_stream", "mask_stream", "exponent_stream")


def with_item(name, index, value):
    """A change of one element of an array."""

    def change(packed):
        array = getattr(packed, name).copy()
        array[index] = value
        return {name: array}

    return change


def longer(name, by):
    """A change of the length of an array."""
    return lambda packed: {name: np.resize(getattr(packed, name), len(getattr(packed, name)) + by)}


def just(**changes):
    return lambda packed: changes


# Of an ensemble of 3 draws of 21 weights at 4 bits: 63 codes are 32 bytes, and 21 exponents of
# 4 bits are 11.
HOSTILE = {
    "n_bits 8": (just(n_bits=8), "code_stream has 32 bytes; 63 are accepted .* 8 bits of a code"),
    "n_bits 3": (just(n_bits=3), "code_stream has 32 bytes; 24 are accepted"),
    "n_bits 1": (just(n_bits=1), "n_bits is 1; an integer from 2 to 8 is accepted"),
    "n_bits 9": (just(n_bits=9), "n_bits is 9; an integer from 2 to 8"),
    "n_bits text": (just(n_bits="4"), "n_bits is '4'"),
    "n_bits float": (just(n_bits=4.0), "n_bits is 4.0"),
    "n_bits boolean": (just(n_bits=True), "n_bits is True"),
    "n_bits array": (just(n_bits=np.array(4)), r"the fields are|n_bits is array\(4\)"),
    "n_bits missing": (just(n_bits=None), "the fields are .* 'n_bits'"),
    "n_samples 0": (just(n_samples=0), "n_samples is 0; an integer from 1 to"),
    "n_samples -3": (just(n_samples=-3), "n_samples is -3"),
    "n_samples 2": (just(n_samples=2), "code_stream has 32 bytes; 21 are accepted .* 2 draws"),
    "n_samples 10**9": (just(n_samples=10**9), "code_stream has 32 bytes; 10500000000 are"),
    "n_samples 10**40": (just(n_samples=10**40), "code_stream has 32 bytes"),
    "n_samples of nothing": (
        just(
            n_samples=10**9,
            **dict.fromkeys(STREAMS, np.zeros(0, dtype=np.uint8)),
            offset=np.zeros(0),
            scale=np.zeros(0),
        ),
        "offset and scale have lengths 0 and 0",
    ),
    "exponent_bits 7": (just(exponent_bits=7), "exponent_bits is 7; an integer from 0 to 6"),
    "exponent_bits 0": (just(exponent_bits=0), "exponent_stream has 11 bytes; 0 are accepted"),
    "exponent_bits 6": (just(exponent_bits=6), "exponent_stream has 11 bytes; 16 are accepted"),
    "codes cut": (longer("code_stream", -1), "code_stream has 31 bytes; 32 are accepted"),
    "codes longer": (longer("code_stream", 1), "code_stream has 33 bytes; 32 are accepted"),
    "codes none": (just(code_stream=np.zeros(0, dtype=np.uint8)), "code_stream has 0 bytes"),
    "codes missing": (just(code_stream=None), "the fields are"),
    "codes signed": (just(code_stream=np.zeros(32, dtype=np.int8)), "code_stream has dtype int8"),
    "codes of two axes": (just(code_stream=np.zeros((4, 8), dtype=np.uint8)), r"shape \(4, 8\)"),
    "code too large": (with_item("code_stream", 3, 0xF0), "code_stream holds 15; fields from 0"),
    "code after the last": (with_item("code_stream", -1, 0x11), "code_stream has bits after its"),
    "mask of a dense stream": (
        just(mask_stream=np.full(8, 0xFF, dtype=np.uint8)),
        "mask_stream has bits after its last field",
    ),
    "mask that keeps fewer": (
        just(mask_stream=np.zeros(8, dtype=np.uint8)),
        "code_stream has 32 bytes; its fields take 0",
    ),
    "mask cut": (just(mask_stream=np.zeros(7, dtype=np.uint8)), "mask_stream has 7 bytes; 8 are"),
    "exponents cut": (longer("exponent_stream", -1), "exponent_stream has 10 bytes; 11 are"),
    "exponent after the last": (with_item("exponent_stream", -1, 0x10), "exponent_stream has bits"),
    "offset NaN": (with_item("offset", 5, np.nan), "offset of feature 5 is nan; finite numbers"),
    "offset infinite": (with_item("offset", 5, -np.inf), "offset of feature 5 is -inf"),
    "offset shorter": (longer("offset", -1), "exponent_stream|offset and scale have lengths 20"),
    "offset of float32": (just(offset=np.zeros(21, dtype=np.float32)), "offset has dtype float32"),
    "scale 0": (with_item("scale", 7, 0.0), "scale of feature 7 is 0.0; finite numbers above 0"),
    "scale negative": (with_item("scale", 7, -1.0), "scale of feature 7 is -1.0"),
    "scale NaN": (with_item("scale", 7, np.nan), "scale of feature 7 is nan"),
    "scale infinite": (with_item("scale", 7, np.inf), "scale of feature 7 is inf"),
    "scale tiny": (with_item("scale", 7, 5e-324), "scale of feature 7 is 5e-324; weights"),
    "scale huge": (with_item("scale", 7, 1e308), r"scale of feature 7 is 1e\+308; weights and"),
    "scale longer": (longer("scale", 1), "offset and scale have lengths 21 and 22"),
    "scale of integers": (just(scale=np.ones(21, dtype=np.int64)), "scale has dtype int64"),
    "intercept text": (just(intercept="0"), "intercept is '0'; a finite float is accepted"),
    "intercept list": (just(intercept=[1.0]), r"intercept is \[1.0\]"),
    "unit 0": (just(unit=0.0), "unit is 0.0; a number above 0 is accepted"),
    "unit negative": (just(unit=-1.0), "unit is -1.0"),
    "unit huge": (just(unit=1e300), r"unit 1e\+300, .* beyond the range of float64"),
    "noise negative": (just(noise_variance=-0.5), "noise_variance is -0.5; 0 or more is accepted"),
    "noise missing": (just(noise_variance=None), "the fields are"),
    "a field more": (just(other=1), "the fields are .*'other'"),
    "an array more": (just(other=np.zeros(3)), "the fields are .*'other'"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "match"), HOSTILE.values(), ids=HOSTILE)
def test_fields_that_do_not_agree_are_refused(tmp_path, change, match):
    packed = ensemble(steps="powers")
    path = tmp_path / "pump"
    write(path, contents(packed, **change(packed)))
    with pytest.raises(ValueError, match=f"pump cannot be read: .*({match})") as caught:
        PackedEnsemble.load(path)
    assert type(caught.value) is ValueError


@pytest.mark.parametrize(
    "name", [name for name in HOSTILE if name.split()[-1] not in ("missing", "more")]
)
def test_the_class_itself_refuses_them(name):
    packed = ensemble(steps="powers")
    changes = HOSTILE[name][0](packed)
    with pytest.raises(ValueError, match=HOSTILE[name][1]):
        replace(packed, **changes)


@pytest.mark.parametrize("value", [np.nan, np.inf, None])
def test_numbers_are_finite_floats(value):
    for name in ("intercept", "unit", "noise_variance"):
        with pytest.raises(ValueError, match=f"{name} is {value}; a finite float is accepted"):
            replace(ensemble(), **{name: value})


def test_sums_that_would_be_rounded_are_refused():
    packed = ensemble(8, n_features=4, steps="powers")
    exponents = np.full(4, 63, dtype=np.uint8)
    stream = np.packbits(np.unpackbits(exponents[:, None], axis=1)[:, 2:].ravel())
    with pytest.raises(ValueError, match=r"could pass 2\*\*53"):
        replace(packed, exponent_bits=6, exponent_stream=stream)


def test_in_the_sparse_layout_codes_are_as_many_as_the_mask_keeps(tmp_path):
    packed = ensemble(zeros=0.9)
    assert len(packed.mask_stream)
    mask = packed.mask_stream.copy()
    mask[0] ^= 0b11111111
    path = tmp_path / "pump"
    write(path, contents(packed, mask_stream=mask))
    with pytest.raises(ValueError, match=r"code_stream has \d+ bytes; its fields take"):
        PackedEnsemble.load(path)
    write(path, contents(packed, code_stream=np.zeros(1000, dtype=np.uint8)))
    with pytest.raises(ValueError, match="1000 bytes; 63 weights take up to 32"):
        PackedEnsemble.load(path)


@settings(deadline=None, max_examples=300)
@given(data=st.data(), zeros=st.sampled_from([0.0, 0.9]))
def test_what_is_read_predicts_finite_numbers(data, zeros, tmp_path_factory):
    """Whatever a field is replaced by: refused with ValueError, or finite for all inputs."""
    packed = ensemble(zeros=zeros, steps="powers")
    name = data.draw(st.sampled_from([*vars(packed)]))
    value = getattr(packed, name)
    numbers = st.floats(allow_nan=False, allow_infinity=False)
    if isinstance(value, np.ndarray):
        value = value.copy()
        for _ in range(data.draw(st.integers(1, 3)) if len(value) else 0):
            i = data.draw(st.integers(0, len(value) - 1))
            value[i] = data.draw(st.integers(0, 255) if value.dtype == np.uint8 else st.floats())
    else:
        value = data.draw(st.integers() | st.integers(0, 9) | numbers | st.text() | st.booleans())
    path = tmp_path_factory.mktemp("any") / "pump"
    write(path, contents(packed, **{name: value}))
    try:
        loaded = PackedEnsemble.load(path)
    except ValueError as error:
        assert type(error) is ValueError  # noqa: PT017
        return
    levels = np.array([-128, -1, 0, 127], dtype=np.int8)
    inputs = np.repeat(levels[:, None], loaded.n_features, axis=1)
    for table, predict in (
        (inputs, loaded.predict_quantised),
        (loaded.offset + loaded.scale * inputs, loaded.predict),
    ):
        mean, std = predict(table, return_std=True)
        assert np.isfinite(mean).all()
        assert np.isfinite(std).all()
