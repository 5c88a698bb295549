"""Modules of skpc and what they import, read from the source by `ast`.

An import counts wherever it stands: at the top of a file, in a function, or for types only.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Import:
    """One module that another imports, or imports names from.

    Attributes
    ----------
    source : module that imports
    target : module that is imported
    names : names that are imported from it; none where it is imported itself
    at_top : whether it is imported with the source, and not in a function
    """

    source: str
    target: str
    names: tuple[str, ...]
    at_top: bool
    where: str

    def __str__(self) -> str:
        if not self.names:
            return f"{self.where}: import {self.target}"
        return f"{self.where}: from {self.target} import {', '.join(self.names)}"


@cache
def modules() -> dict[str, Path]:
    """Every module of skpc by its dotted name."""
    by_name = {}
    for path in sorted((ROOT / "skpc").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        by_name[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return by_name


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


def is_package(module: str) -> bool:
    return modules()[module].name == "__init__.py"


def where(module: str, line: int) -> str:
    return f"{modules()[module].relative_to(ROOT).as_posix()}:{line}"


@cache
def imports() -> tuple[Import, ...]:
    """All imports of all modules of skpc."""
    return tuple(one for module in modules() for one in imports_of(module))


def imports_of(module: str) -> Iterator[Import]:
    in_functions = {
        id(node)
        for function in ast.walk(tree_of(module))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree_of(module)):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        at_top, line = id(node) not in in_functions, where(module, node.lineno)
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            base = absolute(module, node)
            # A name that the package does not list is one of its modules, if there is one.
            inside = [f"{base}.{name}" for name in names if name not in names_of(base)]
            whole = [target for target in inside if target in modules()]
            named = tuple(name for name in names if f"{base}.{name}" not in whole)
            if named:
                yield Import(module, base, named, at_top, line)
        else:
            whole = names
        for target in whole:
            yield Import(module, target, (), at_top, line)


def absolute(module: str, node: ast.ImportFrom) -> str:
    """The module that a `from ... import` names, without leading dots."""
    if not node.level:
        return node.module or ""
    package = module.split(".") if is_package(module) else module.split(".")[:-1]
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, node.module] if node.module else base)


@cache
def names_of(module: str) -> frozenset[str]:
    """Names in the `__all__` of a module of skpc; none where it has no such list."""
    for node in tree_of(module).body if module in modules() else []:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return frozenset(ast.literal_eval(node.value))
    return frozenset()


def is_inside(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def ours() -> Iterator[Import]:
    return (one for one in imports() if is_inside(one.target, "skpc"))
