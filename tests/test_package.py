"""The package as a whole: documented, and importing one way only."""

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import course_lib

ROOT = Path(course_lib.__file__).parent
MODULES = sorted(module.name for module in pkgutil.iter_modules(course_lib.__path__))
EVERY_MODULE = sorted(
    module.name.partition(".")[2]
    for module in pkgutil.walk_packages(course_lib.__path__, "course_lib.")
)


def levels():
    """Read the table in the package's own docstring."""
    rows = re.findall(r"level (\d) +(.+)", course_lib.__doc__)
    return {name: int(level) for level, names in rows for name in names.split(", ")}


def test_the_table_of_levels_lists_every_module():
    assert sorted(levels()) == MODULES


def source(name):
    """The code of a module, or of all modules of a package."""
    files = [ROOT / f"{name}.py", *sorted((ROOT / name).glob("*.py"))]
    return "\n".join(file.read_text(encoding="utf-8") for file in files if file.exists())


def imported(name):
    """Modules of the package that a module imports; within itself a package is free."""
    for node in ast.walk(ast.parse(source(name))):
        if isinstance(node, ast.ImportFrom) and node.module == "course_lib":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("course_lib."):
            if (module := node.module.split(".")[1]) != name:
                yield module


@pytest.mark.parametrize("name", MODULES)
def test_imports_run_downwards(name):
    for other in imported(name):
        assert levels()[other] < levels()[name], f"{name} must not import {other}"


def test_only_widgets_import_ipywidgets():
    users = [name for name in MODULES if re.search(r"import ipywidgets", source(name))]
    assert users == ["widgets"]


@pytest.mark.parametrize("name", EVERY_MODULE)
def test_everything_public_is_documented_and_annotated(name):
    module = importlib.import_module(f"course_lib.{name}")
    assert module.__doc__
    for key, thing in vars(module).items():
        if key.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
            continue
        members = [(key, thing)]
        if inspect.isclass(thing):
            members += [
                (f"{key}.{k}", v)
                for k, v in vars(thing).items()
                if not k.startswith("_") and (inspect.isfunction(v) or isinstance(v, property))
            ]
        for label, member in members:
            if not (
                inspect.isroutine(member)
                or inspect.isclass(member)
                or isinstance(member, property)
            ):
                continue
            assert inspect.getdoc(member), f"{name}.{label} has no docstring"
            function = member.fget if isinstance(member, property) else member
            if inspect.isfunction(function):
                signature = inspect.signature(function)
                for p in list(signature.parameters.values()):
                    assert p.name in ("self", "cls") or p.annotation is not p.empty, (
                        name,
                        label,
                        p,
                    )
                assert signature.return_annotation is not signature.empty, (name, label)
