"""Files of models that were cut, altered or made to harm: ValueError, or a model that answers."""

import json
import tracemalloc

import numpy as np
import pytest
from helpers.forgery import forged, parts_of
from helpers.kept import (
    altered_numbers,
    answers,
    arrays_of,
    at_place,
    fitted,
    other_values,
    places,
    replaced,
    rows_of,
    with_array,
    with_tree,
)

import skpc
from skpc._files import Contents, write

# One of each class that files know.
SOME = ["numbers", "holes", "one-hot", "kernels of atoms", "imputer", "detector", "mixture", "map"]
# Alterations of each of them: a share of all, always the same ones.
N_TREES, N_ARRAYS = 60, 40


@pytest.fixture
def path(tmp_path):
    return tmp_path / "pump"


def bytes_of(name, path):
    fitted(name)[0].save(path)
    return path.read_bytes()


def refused(path, data, match="pump cannot be read: "):
    path.write_bytes(data)
    with pytest.raises(ValueError, match=match) as caught:
        skpc.load(path)
    # Not one of its kin, which would say nothing to a user.
    assert type(caught.value) is ValueError


def refused_or_harmless(path, data, name):
    """A ValueError from `load`, or a model whose answers raise nothing else."""
    path.write_bytes(data)
    try:
        model = skpc.load(path)
    except ValueError as error:
        assert type(error) is ValueError  # noqa: PT017
        return True
    try:
        with np.errstate(all="ignore"):
            answers(model, rows_of(name))
    except ValueError:
        pass
    return False


@pytest.mark.parametrize("name", ["numbers", "regression"])
def test_cuts_and_flips_are_refused(name, path):
    data = bytes_of(name, path)
    for i in np.linspace(0, len(data) - 1, 150).astype(int).tolist():
        refused(path, data[:i])
        refused(path, data[:i] + bytes([data[i] ^ 1 << i % 8]) + data[i + 1 :])
        refused(path, data[:i] + data[i + 1 :])
    refused(path, data + b"\0")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SOME)
def test_a_tree_that_was_altered_is_refused_or_harmless(name, path):
    data = bytes_of(name, path)
    tree = parts_of(data)[1]["fields"]["tree"]
    changes = [(at, v) for at in places(tree) for v in other_values(at_place(tree, at))]
    chosen = np.random.RandomState(0).choice(len(changes), N_TREES, replace=False)
    outcomes = []
    for i in chosen.tolist():
        at, value = changes[i]
        altered = with_tree(data, lambda whole, at=at, value=value: replaced(whole, at, value))
        outcomes.append(refused_or_harmless(path, altered, name))
    # Most alterations are of types and structure.
    assert np.mean(outcomes) > 0.5


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SOME)
def test_numbers_that_were_altered_are_refused_or_harmless(name, path):
    data = bytes_of(name, path)
    header = parts_of(data)[0]
    changes = [
        (array, k)
        for array in arrays_of(data)
        if 0 not in header[array]["shape"]
        for k in range(27)
    ]
    chosen = np.random.RandomState(0).choice(len(changes), N_ARRAYS, replace=False)
    for i in chosen.tolist():
        array, k = changes[i]
        altered = with_array(
            data, array, lambda one, k=k: (made := altered_numbers(one))[k % len(made)]
        )
        refused_or_harmless(path, altered, name)


@pytest.mark.parametrize("name", SOME)
def test_parameters_that_are_not_finite_are_refused(name, path):
    data = bytes_of(name, path)
    header = parts_of(data)[0]
    for array in arrays_of(data):
        parts = ("arrays", "posterior", "moments", "column_sums")
        if header[array]["dtype"] != "F64" or not any(f".{part}." in f"{array}." for part in parts):
            continue
        if array.endswith("arrays.values"):
            # Rows of kernels may have missing cells.
            continue
        for value in (np.nan, np.inf):
            refused(path, with_array(data, array, lambda one, value=value: one * 0 + value))


def test_arrays_that_changed_places_are_refused_or_harmless(path):
    """All pairs of arrays of one type and shape, by their names."""
    data = bytes_of("numbers", path)
    tree = parts_of(data)[1]["fields"]["tree"]
    header = parts_of(data)[0]
    named = {}
    for at in places(tree):
        if at and at[-1] == "array":
            named[at_place(tree, at)] = at
    pairs = [
        (one, other)
        for one in named
        for other in named
        if one < other
        and (header[one]["dtype"], header[one]["shape"])
        == (header[other]["dtype"], header[other]["shape"])
    ]
    assert pairs
    swapped = {}
    for one, other in pairs:
        changed = with_tree(
            data,
            lambda whole, one=one, other=other: replaced(
                replaced(whole, named[one], other), named[other], one
            ),
        )
        swapped[one, other] = refused_or_harmless(path, changed, "numbers")
    # Parameters are told from running statistics, which have the same shapes.
    trees = "EinetDensityEstimator.result.trees.arrays"
    assert swapped[f"{trees}.parameters.0", f"{trees}.running.0"]


def test_files_of_other_classes_are_refused(path):
    one, other = bytes_of("numbers", path), bytes_of("regression", path)
    header, about, rest = parts_of(one)
    refused(
        path, forged(header, {**about, "kind": "DirectBayesianRegressor"}, rest), "and does not"
    )
    refused(path, forged(header, {**about, "kind": "dict"}, rest), "it holds a 'dict'; ")
    refused(path, forged(header, {**about, "version": 2}, rest), "version 2 .* later skpc")
    other_tree = parts_of(other)[1]["fields"]["tree"]
    refused(path, with_tree(one, lambda tree: other_tree), "missing, left over or named twice")
    # A regression's result in a density, and a density's in an imputer.
    result = other_tree["DirectBayesianRegressor"]["result"]
    inside = ("EinetDensityEstimator", "result")
    mixed = parts_of(other)
    tree = replaced(parts_of(one)[1]["fields"]["tree"], inside, result)
    mixed[1]["fields"]["tree"] = tree
    mixed[1]["kind"] = "EinetDensityEstimator"
    refused(path, forged(*mixed), "it holds no density")


@pytest.mark.parametrize(
    ("place", "value", "match"),
    [
        (("n_sums",), 10**9, "n_sums|leaves of the shape"),
        (("n_leaves",), 10**12, "the plan has 1000000000000 units"),
        (("layer",), "dense", "layer"),
        (("min_variance",), 0.0, "min_variance is 0.0"),
        (("table", "Table", "library"), "os", "library is 'os'"),
        (
            ("table", "Table", "holes", "Holes", "positions", "tuple"),
            [7],
            "some that the table has",
        ),
        (
            ("table", "Table", "columns", 0, "Column", "raw", "RawColumn", "dtype"),
            "__class__",
            "type",
        ),
        (("table", "Table", "columns", 0, "Column", "scale"), 0.0, "scale 0.0"),
        (("table", "Table", "columns", 0, "Column", "family"), "poisson", "family 'poisson'"),
        (("table", "Table", "columns", 0, "Column", "support"), "codes", "0 categories"),
        (("graph", "RegionGraph", "tempered"), 1, "tempered is 1"),
        (("built_from", "dict"), [], "built_from has"),
    ],
)
def test_fields_that_do_not_agree_are_refused(place, value, match, path):
    data = bytes_of("numbers", path)
    at = ("EinetDensityEstimator", "result", "FittedDensity", "plan", "Plan", *place)
    refused(path, with_tree(data, lambda tree: replaced(tree, at, value)), match)


@pytest.mark.parametrize(
    "tree",
    [
        None, [], {}, 3, "EinetDensityEstimator", {"dict": []}, {"tuple": [1]}, {"own": 1},
        {"constant": "leaf poisson"}, {"os.system": {"command": "true"}}, {"Known": {}},
        {"EinetDensityEstimator": {}}, {"EinetDensityEstimator": []}, {"random": {"dict": []}},
        {"EinetDensityEstimator": {"parameters": {"dict": [["n_sums", 0]]}, "result": None,
                                   "output": None}},
        {"EinetDensityEstimator": {"parameters": {"dict": [["__class__", 0]]}, "result": None,
                                   "output": None}},
        {"EinetDensityEstimator": {"parameters": {"dict": []}, "result": None,
                                   "output": {"dict": [["x", 1]]}}},
        {"objects": [[2**62], []]}, {"timestamp": ["x", "ns"]}, {"interval": [1, 2, "os"]},
        {"array": "x"}, {"floats": [1.0]}, {"number": ["object", 3]}, {"fraction": [1, 0]},
    ],
    ids=str,
)  # fmt: skip
def test_trees_that_hold_no_estimator_are_refused(tree, path):
    fields = {"skpc": "0.1", "tree": tree}
    write(path, Contents("EinetDensityEstimator", 1, fields, {}))
    refused(path, path.read_bytes())


def test_nested_json_is_refused(path):
    for depth in (300, 900, 100_000):
        header, about, rest = parts_of(bytes_of("numbers", path))
        text = json.dumps(about).replace(
            '"tree": {', '"tree": ' + "[" * depth + "]" * depth + ', "x": {', 1
        )
        refused(path, forged(header, text, rest))
    deep = {"tuple": []}
    for _ in range(400):
        deep = {"tuple": [deep]}
    write(path, Contents("EinetDensityEstimator", 1, {"skpc": "0.1", "tree": deep}, {}))
    refused(path, path.read_bytes())


def test_arrays_that_the_tree_does_not_name_take_no_memory(path):
    n_bytes = 64 * 2**20
    fields = {"skpc": "0.1", "tree": {"EinetDensityEstimator": {}}}
    write(path, Contents("EinetDensityEstimator", 1, fields, {"x": np.zeros(n_bytes // 8)}))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="the array x is missing, left over or named twice"):
            skpc.load(path)
        assert tracemalloc.get_traced_memory()[1] < n_bytes / 16
    finally:
        tracemalloc.stop()
