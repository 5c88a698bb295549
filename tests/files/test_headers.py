"""Headers that do not agree with themselves or the file are refused, whatever their checksum."""

import json

import pytest
from helpers.forgery import forged, parts_of, signed
from helpers.things import ARRAYS, JSON, read_any, refuses, write_thing
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture
def path(tmp_path):
    return write_thing(tmp_path)


def entry_with(**changes):
    return lambda header, about, data: (
        {**header, "codes": {**header["codes"], **changes}},
        about,
        data,
    )


def about_with(**changes):
    return lambda header, about, data: (header, {**about, **changes}, data)


def text_with(old, new):
    """The header as text, in which something is replaced."""

    def change(header, about, data):
        text = json.dumps(
            {**header, "__metadata__": {"sha256": "0" * 64, "skpc": json.dumps(about)}}
        )
        text = json.dumps(json.loads(text), separators=(",", ":"))
        assert old in text
        return text.replace(old, new), None, data

    return change


HOSTILE = {
    "dtype unknown": (entry_with(dtype="F16"), "codes has dtype 'F16'"),
    "dtype no text": (entry_with(dtype=3), "codes in its header"),
    "dtype unhashable": (entry_with(dtype=["I8"]), "codes in its header"),
    "dtype wider": (entry_with(dtype="F64"), "codes is said to be at"),
    "shape longer": (entry_with(shape=[4]), "codes is said to be at"),
    "shape huge": (entry_with(shape=[10**30]), "shape .* which no array has"),
    "shape huge and empty": (entry_with(shape=[10**18, 10**18, 0]), "which no array has"),
    "shape negative": (entry_with(shape=[-1, -3]), "which no array has"),
    "shape fraction": (entry_with(shape=[3.0]), "which no array has"),
    "shape boolean": (entry_with(shape=[True, 3]), "which no array has"),
    "shape text": (entry_with(shape=["3"]), "which no array has"),
    "shape of 33 axes": (entry_with(shape=[1] * 32 + [3]), "which no array has"),
    "shape no list": (entry_with(shape=3), "codes in its header"),
    "offsets overlap": (entry_with(data_offsets=[47, 50]), "codes is said to be at"),
    "offsets leave a gap": (entry_with(data_offsets=[51, 54]), "codes is said to be at"),
    "offsets backwards": (entry_with(data_offsets=[53, 50]), "codes is said to be at"),
    "offsets three": (entry_with(data_offsets=[50, 53, 53]), "codes is said to be at"),
    "entry longer": (entry_with(other=1), "codes in its header"),
    "entry no object": (lambda h, a, d: ({**h, "codes": 3}, a, d), "codes in its header"),
    "array missing": (
        lambda h, a, d: ({k: v for k, v in h.items() if k != "mask"}, a, d),
        "should take 55 bytes; they are said to take 53",
    ),
    "array more": (
        lambda h, a, d: (
            {**h, "x": {"dtype": "U8", "shape": [2**40], "data_offsets": [55, 55 + 2**40]}},
            a,
            d,
        ),
        "should take 55 bytes",
    ),
    "bytes more": (lambda h, a, d: (h, a, d + b"\0"), "should take 56 bytes"),
    "metadata more": (
        lambda h, a, d: ({**h, "__metadata__": {**h["__metadata__"], "x": "y"}}, a, d),
        "__metadata__ in its header",
    ),
    "format later": (about_with(format=2), "format is 2; this version of skpc reads 1"),
    "format boolean": (about_with(format=True), "skpc in its header"),
    "format missing": (lambda h, a, d: (h, {"kind": "thing"}, d), "format is None"),
    "kind other": (about_with(kind="density"), "holds a 'density'; a 'thing' is accepted"),
    "kind no text": (about_with(kind=3), "skpc in its header"),
    "version 0": (about_with(version=0), "version 0"),
    "version later": (about_with(version=3), "version 3 of a thing.*up to 2.*later skpc"),
    "version text": (about_with(version="1"), "skpc in its header"),
    "fields no object": (about_with(fields=[]), "skpc in its header"),
    "about more": (about_with(run="rm"), "skpc in its header"),
    "about no JSON": (lambda h, a, d: (h, "{", d), "header is not JSON"),
    "about no object": (lambda h, a, d: (h, "[1]", d), "not a JSON object"),
    "about nested": (lambda h, a, d: (h, "[" * 200_000, d), "header is not JSON"),
    "about NaN": (
        lambda h, a, d: (h, json.dumps({**a, "fields": {"x": float("nan")}}), d),
        "NaN is no number",
    ),
    "about a number of many digits": (
        lambda h, a, d: (h, json.dumps(a).replace("0.1", "9" * 5000), d),
        "header is not JSON",
    ),
    "about a key twice": (
        lambda h, a, d: (h, json.dumps(a)[:-1] + ', "kind": "thing"}', d),
        "key stands twice",
    ),
    "header nested": (text_with('"shape":[3]', '"shape":' + "[" * 200_000), "header is not JSON"),
    "header a key twice": (text_with('"mask"', '"codes"'), "key stands twice"),
    "header cut": (text_with("}}", ""), "header is not JSON"),
}


@pytest.mark.parametrize(("change", "match"), HOSTILE.values(), ids=HOSTILE)
def test_headers_that_do_not_agree_are_refused(path, change, match):
    refuses(path, forged(*change(*parts_of(path.read_bytes()))), match)


def test_every_flip_and_cut_with_the_right_checksum_is_refused_or_harmless(path):
    data = path.read_bytes()
    payload = parts_of(data)[2]
    for i in [*range(8), *range(8 + 27 + 64, len(data) - len(payload))]:
        for value in {0, 34, 44, 48, 57, 91, 93, 123, 125, 255, data[i] ^ 1} - {data[i]}:
            path.write_bytes(signed(data[:i] + bytes([value]) + data[i + 1 :]))
            try:
                contents = read_any(path)
            except ValueError as error:
                assert type(error) is ValueError  # noqa: PT017
                continue
            # What was altered is a name, a value or a length of 0, and nothing of an array.
            stored = b"".join(sorted(array.tobytes() for array in contents.arrays.values()))
            assert stored == b"".join(sorted(array.tobytes() for array in ARRAYS.values()))
    for i in range(8 + 27 + 64, len(data)):
        refuses(path, signed(data[:i]))


def test_booleans_are_0_or_1(path):
    data = path.read_bytes()
    assert data.endswith(b"\1\0")
    refuses(path, signed(data[:-2] + b"\2\0"), "mask has bytes that are neither 0 nor 1")


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_any_other_header_is_refused_or_true(data, tmp_path_factory):
    path = write_thing(tmp_path_factory.mktemp("any"))
    header, about, payload = parts_of(path.read_bytes())
    entry = data.draw(st.sampled_from([header[name] for name in ARRAYS] + [about]))
    entry[data.draw(st.sampled_from([*entry]))] = data.draw(JSON)
    path.write_bytes(forged(header, about, payload))
    try:
        contents = read_any(path)
    except ValueError as error:
        assert type(error) is ValueError  # noqa: PT017
    else:
        assert sum(array.nbytes for array in contents.arrays.values()) == len(payload)
