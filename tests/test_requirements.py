"""What is installed: constraints.txt pins the tested set, and all pages give the same commands."""

import re
import tomllib

import pytest
from helpers.house import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
# The extras that CI installs.
TESTED = ("test", "plot", "doc")
COMMAND = re.compile(r"^    (python -m pip install .*)$", re.MULTILINE)


def names(requirements, sign):
    """Packages of requirements, each with one such sign and a version."""
    pairs = [re.fullmatch(rf"([a-z0-9-]+){sign}([0-9.]+)", one) for one in requirements]
    assert None not in pairs, requirements
    return [pair[1] for pair in pairs]


def test_constraints_pin_every_direct_dependency_of_the_tested_set_and_no_other():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = names([line for line in lines if not line.startswith("#")], "==")
    direct = names([*PROJECT["dependencies"], *(one for e in TESTED for one in EXTRAS[e])], ">=")
    assert sorted(pinned) == sorted(set(direct))


def test_every_dependency_has_one_lower_bound():
    bounds = {}
    for one in [*PROJECT["dependencies"], *(one for extra in EXTRAS.values() for one in extra)]:
        bounds.setdefault(names([one], ">=")[0], set()).add(one)
    assert {name: found for name, found in bounds.items() if len(found) > 1} == {}


@pytest.mark.parametrize("page", ["CONTRIBUTING.md"])
def test_pages_give_the_two_commands_of_the_readme(page):
    first, second = COMMAND.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert ".[plot]" in first
    assert ".[test]" in second
    assert COMMAND.findall((ROOT / page).read_text(encoding="utf-8")) == [first, second]


def test_ci_runs_what_the_readme_says_and_has_no_copy_of_it():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "README.md" in script
    assert "python examples/" not in script
    assert "-m pytest" not in script
