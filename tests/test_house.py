"""The house of doc/architecture.md as rules: its rooms, their arrows, and what each may know.

A room is a folder of skpc or, for the facades and what they share, a file. The rooms of `circuit`
and of `direct` are what stands in these two.
"""

import ast
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from itertools import pairwise

from helpers.house import (
    Import,
    imports,
    imports_of,
    is_inside,
    is_package,
    modules,
    names_of,
    ours,
    tree_of,
    where,
)

# The drawing: what stands on the left may import what stands on the right, and nothing else.
HOUSE = {
    "density": "_keeping _sklearn _validation _tables _fitting _queries circuit",
    "regression": "_keeping _sklearn _validation _regression",
    "dask": "density regression _fitting _regression",
    "_keeping": "_sklearn _files",
    "_validation": "_sklearn _tables",
    "_queries": "_fitting _tables circuit",
    "_fitting": "_blocks _device _tables circuit",
    "_regression": "_blocks _device direct",
    "_blocks": "",
    "_tables": "",
    "_sklearn": "",
    "_device": "",
    "_memory": "",
    "_files": "",
    "circuit": "",
    "direct": "_files",
}
ROOMS_OF = {
    "circuit": {
        "components": "training queries passes leaves structures",
        "training": "queries passes leaves structures",
        "queries": "passes leaves",
        "passes": "leaves structures native",
        "native": "",
        "leaves": "",
        "structures": "",
    },
    "direct": {
        "logistic": "solve moments model arrays",
        "solve": "moments model arrays",
        "deploy": "model arrays",
        "moments": "arrays",
        "model": "arrays",
        "arrays": "",
    },
}

# Arrows of the whole house, at most; `circuit` and `direct` are one room each.
MOST_ARROWS = 30

# Packages that must not be imported in a room, not even in a function.
UNKNOWN = {
    "skpc._tables": "torch sklearn",
    "skpc._files": "torch sklearn",
    "skpc.circuit": "sklearn",
    "skpc.circuit.structures": "torch",
    "skpc.direct": "sklearn",
}
OPTIONAL = ("pandas", "polars")

# Modules that may know an estimator; the facades are long because their docstrings are.
FACADES = (
    "skpc.density", "skpc.classifier", "skpc.imputer", "skpc.outliers", "skpc.regression",
    "skpc.direct_classifier", "skpc.regressor",
)  # fmt: skip
# What a facade has in files of their own is of its room: methods, and the objects of a parameter.
PARTS = {
    "_density_queries": "density", "_column_queries": "density", "components": "density",
    "_over_density": "density", "_over_joint": "density", "_versions": "density",
    "classifier": "density", "imputer": "density", "outliers": "density", "regressor": "density",
    "direct_classifier": "regression",
}  # fmt: skip
KNOW_ESTIMATORS = (
    *FACADES, "skpc._density_queries", "skpc._column_queries", "skpc._sklearn", "skpc._validation"
)  # fmt: skip
MOST_LINES, MOST_LINES_OF_FACADES = 450, 650


def room_of(module: str) -> str:
    """The room of the house; "" for skpc itself, which names what is public."""
    name = module.split(".")[1] if "." in module else ""
    return PARTS.get(name, name)


def inner_room_of(module: str) -> str:
    """The room within `circuit` or `direct`; "" for these two themselves, and elsewhere."""
    names = module.split(".")
    return names[2] if len(names) > 2 and names[1] in ROOMS_OF else ""


Arrows = dict[tuple[str, str], list[Import]]


def arrows_of_the_house() -> Arrows:
    """Imports by the two rooms that they join; skpc itself is no room."""
    pairs = ((room_of(one.source), room_of(one.target), one) for one in ours())
    return by_rooms(pair for pair in pairs if pair[0])


def arrows_within(room: str) -> Arrows:
    """Imports by the two rooms of `circuit` or `direct` that they join."""
    inside = (
        one
        for one in ours()
        if is_inside(one.source, f"skpc.{room}") and is_inside(one.target, f"skpc.{room}")
    )
    pairs = ((inner_room_of(one.source), inner_room_of(one.target), one) for one in inside)
    return by_rooms(pair for pair in pairs if pair[0])


def by_rooms(pairs: Iterable[tuple[str, str, Import]]) -> Arrows:
    arrows: Arrows = {}
    for start, end, one in pairs:
        if start != end:
            arrows.setdefault((start, end), []).append(one)
    return arrows


def levels() -> dict[str, tuple[dict[str, str], Arrows]]:
    """The drawing and the arrows of the house, and of the rooms that have rooms."""
    inner = {name: (rooms, arrows_within(name)) for name, rooms in ROOMS_OF.items()}
    return {"skpc": (HOUSE, arrows_of_the_house()), **inner}


def rooms() -> list[str]:
    """Modules of all rooms of the drawing."""
    inner = [f"skpc.{outer}.{room}" for outer, names in ROOMS_OF.items() for room in names]
    return [*(f"skpc.{room}" for room in HOUSE), *inner]


def front_doors() -> list[str]:
    """Every room that is a folder, and skpc itself."""
    return ["skpc", *(room for room in rooms() if room in modules() and is_package(room))]


def assert_none(broken: Iterable[str], rule: str) -> None:
    lines = list(broken)
    assert not lines, "\n".join([rule, *lines])


def test_every_file_stands_in_a_room_of_the_drawing():
    stray = [
        where(module, 1)
        for module in modules()
        if (room_of(module) and room_of(module) not in HOUSE)
        or (inner_room_of(module) and inner_room_of(module) not in ROOMS_OF[room_of(module)])
    ]
    assert_none(stray, "These files stand in no room of HOUSE or ROOMS_OF:")


def test_every_room_of_the_drawing_stands():
    assert_none((room for room in rooms() if room not in modules()), "These rooms have no file:")


def test_arrows_are_those_of_the_drawing():
    wrong = [
        str(one)
        for drawing, arrows in levels().values()
        for (start, end), joined in arrows.items()
        if end not in drawing.get(start, "").split()
        for one in joined
    ]
    assert_none(wrong, "These imports are arrows that the drawing does not have:")


def test_skpc_itself_names_what_is_public_and_nothing_else():
    public = (*FACADES, "skpc._keeping", "skpc._memory")
    wrong = [str(one) for one in imports_of("skpc") if one.target not in public]
    assert_none(
        wrong, "skpc/__init__.py imports the facades, load and the switch of the allocator only:"
    )


def test_the_house_has_few_arrows():
    arrows = arrows_of_the_house()
    listed = [f"{start} -> {end}: {joined[0]}" for (start, end), joined in sorted(arrows.items())]
    assert_none(
        listed if len(arrows) > MOST_ARROWS else [],
        f"The house has {len(arrows)} arrows, more than {MOST_ARROWS}:",
    )


def test_arrows_run_in_no_circle():
    circles = []
    for name, (_, arrows) in levels().items():
        graph: dict[str, set[str]] = {}
        for start, end in arrows:
            graph.setdefault(start, set()).add(end)
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            # graphlib lists every room before the one that imports it.
            circle = error.args[1][::-1]
            circles.append(f"in {name}: {' -> '.join(circle)}")
            for pair in pairwise(circle):
                circles += [f"  {one}" for one in arrows[pair]]
    assert_none(circles, "These rooms know each other:")


def test_rooms_are_entered_by_their_front_doors():
    wrong = [f"{one} ({why})" for one in ours() if (why := trespass(one))]
    assert_none(wrong, "These imports do not enter by a front door:")


def trespass(one: Import) -> str:
    """Why an import does not enter a room by its front door; "" where it does."""
    start = (room_of(one.source), inner_room_of(one.source))
    end = (room_of(one.target), inner_room_of(one.target))
    if start == end:
        return ""
    if not end[0]:
        return "skpc itself is for its users"
    # Every facade is a door for its twin over Dask.
    if (one.source == "skpc" or start[0] == "dask") and one.target in FACADES:
        return ""
    if start[0] == end[0] and not end[1]:
        return f"skpc.{end[0]} is the door of the rooms around this one"
    door = ".".join(name for name in ("skpc", *end) if name)
    if one.target != door:
        return f"the door is {door}"
    if not is_package(door):
        return ""
    hidden = [name for name in one.names if name not in names_of(door)]
    return f"{', '.join(hidden)}: not in its __all__" if hidden else ""


def test_front_doors_list_names_that_exist():
    wrong = []
    for door in front_doors():
        if not names_of(door):
            wrong.append(f"{where(door, 1)}: no __all__")
            continue
        try:
            module = import_module(door)
        except ImportError as error:
            wrong.append(f"{where(door, 1)}: {error}")
            continue
        wrong += [
            f"{where(door, 1)}: {name} is in __all__ and does not exist"
            for name in sorted(names_of(door))
            if not hasattr(module, name)
        ]
    assert_none(wrong, "These front doors are not whole:")


def test_rooms_do_not_know_the_packages_they_need_not():
    wrong = [
        str(one)
        for one in imports()
        for room, packages in UNKNOWN.items()
        if is_inside(one.source, room) and one.target.split(".")[0] in packages.split()
    ]
    assert_none(
        wrong, f"These imports are of packages that UNKNOWN keeps out of a room, {UNKNOWN}:"
    )


def test_optional_packages_are_imported_in_functions():
    wrong = [str(one) for one in imports() if one.at_top and one.target.split(".")[0] in OPTIONAL]
    assert_none(wrong, f"Users need not have {OPTIONAL}; import them where they are used:")


def test_private_names_of_scikit_learn_are_in_one_file():
    wrong = [
        str(one)
        for one in imports()
        if one.target.split(".")[0] == "sklearn" and one.source != "skpc._sklearn"
        if any(name.startswith("_") for name in [*one.target.split("."), *one.names])
    ]
    assert_none(wrong, "skpc/_sklearn.py alone imports private names of scikit-learn:")


def test_estimators_stay_in_the_facades():
    wrong = []
    for module in modules():
        if module in KNOW_ESTIMATORS:
            continue
        for function in ast.walk(tree_of(module)):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                wrong += [
                    f"{where(module, argument.lineno)}: {function.name}({ast.unparse(argument)})"
                    for argument in arguments_of(function)
                    if argument.arg in ("model", "estimator") and may_be_anything(argument)
                ]
    assert_none(wrong, "These functions below the facades take an estimator:")


def arguments_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.arg]:
    arguments = function.args
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]


def may_be_anything(argument: ast.arg) -> bool:
    """Whether an argument has no type, or one that holds `Any`."""
    if argument.annotation is None:
        return True
    names = [node.id for node in ast.walk(argument.annotation) if isinstance(node, ast.Name)]
    names += [
        node.value for node in ast.walk(argument.annotation) if isinstance(node, ast.Constant)
    ]
    return "Any" in names


def test_files_are_short():
    wrong = []
    for module, path in modules().items():
        most = MOST_LINES_OF_FACADES if module in FACADES else MOST_LINES
        n_lines = len(path.read_text(encoding="utf-8").splitlines())
        if n_lines > most:
            wrong.append(f"{where(module, n_lines)}: {n_lines} lines, more than {most}")
    assert_none(wrong, "These files are long:")
