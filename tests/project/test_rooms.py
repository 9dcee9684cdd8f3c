"""The package as a whole: every line in the room where it belongs, documented, and mapped."""

import ast
import importlib
import inspect
import json
import re
import sys
from graphlib import TopologicalSorter

import draw_map
import pytest

# A room imports only these rooms, and only these libraries. The package itself, which holds the
# guide, three constants and what prints a line anywhere, is open to all.
RULES = {
    "theory": ("", "torch"),
    "networks": ("", "torch"),
    "data": ("", "torch torchvision sklearn"),
    "training": ("theory networks data", "torch safetensors"),
    "judging": ("theory", "torch scipy safetensors torchmetrics"),
    "showing": ("theory training", "torch numpy matplotlib ipywidgets"),
    "checks": (
        "theory networks data judging showing",
        "torch torchvision sklearn numpy matplotlib safetensors IPython",
    ),
    "grading": ("", "torch numpy safetensors joblib IPython nbformat nbgrader traitlets"),
    "cli": (
        "theory data training judging showing grading",
        "torch numpy matplotlib typer tqdm joblib distributed",
    ),
}
THEORY = "schedules predictions samplers spacings solvers guidance oracle likelihood".split()
"""In reading order: each imports only what was read before it."""
MODULES = draw_map.modules()
NAMES = [name for name in MODULES if not name.endswith(("__main__", "harness"))]
ROOT = draw_map.PACKAGE.parent
LONGEST = 250  # lines


def ours(name):
    return {other for other in draw_map.imported(name) if other.split(".")[0] == "course_lib"}


@pytest.mark.parametrize("room", RULES)
def test_a_room_imports_just_what_it_may(room):
    rooms, libraries = (set(allowed.split()) for allowed in RULES[room])
    inside = [name for name in MODULES if draw_map.room(name) == room]
    found = set().union(*(draw_map.imported(name) for name in inside))
    packages = {other.split(".")[0] for other in found} - sys.stdlib_module_names
    assert draw_map.doors()[room] == rooms
    assert packages - {"course_lib"} == libraries


def test_every_room_has_its_rules():
    assert draw_map.doors().keys() == RULES.keys()
    assert draw_map.imported("course_lib") <= {"pathlib", "sys"}


def test_the_theory_can_be_read_in_order():
    names = [f"course_lib.{name}" for name in THEORY]
    assert {name for name in MODULES if draw_map.room(name) == "theory"} == set(names)
    for k, name in enumerate(names):
        assert ours(name) - {"course_lib"} <= set(names[:k]), name


def test_no_modules_import_each_other():
    TopologicalSorter({name: ours(name) for name in NAMES if "." in name}).prepare()


def test_only_widgets_import_ipywidgets():
    users = [name for name in MODULES if "ipywidgets" in draw_map.imported(name)]
    assert users == ["course_lib.showing.widgets"]


def test_lessons_use_neither_the_grader_nor_the_command_line():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        imported = re.findall(r"^(?:from|import) course_lib.*", code, re.M)
        assert imported and not re.search(r"grading|\bcli\b", "\n".join(imported)), path.name


@pytest.mark.parametrize("room", [room for room in RULES if room != "theory"])
def test_the_first_line_of_a_room_says_what_it_is_for(room):
    module = importlib.import_module(f"course_lib.{room}")
    assert re.match(r"\S.{30,}[.]$", module.__doc__.splitlines()[0])
    _, inside = draw_map.contents(room)
    for name in inside:
        assert f"`{name}`" in module.__doc__, f"the docstring of {room} does not name {name}"


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_short_or_says_why_not(name):
    text = MODULES[name].read_text("utf-8")
    if text.count("\n") > LONGEST:
        assert "one file" in ast.get_docstring(ast.parse(text)), "it does not say why"


def test_the_map_is_current():
    assert draw_map.PICTURE.read_text("utf-8") == draw_map.draw(), "run `make map`"


def test_the_guide_names_what_is_there():
    guide = draw_map.documentation(MODULES["course_lib"])
    listed = re.findall(r"^    (\w+)  ", guide, re.M)
    assert listed[: len(THEORY)] == THEORY
    assert set(listed[len(THEORY) :]) == set(RULES) - {"theory"} | {"weights"}


def test_the_paths_that_contributors_are_given_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    paths = re.findall(r"`((?:course_lib|tests|tools|solutions|notebooks|images)/[\w./]*)`", text)
    assert len(paths) > 12
    for path in set(paths) - {"notebooks/NN_idea.ipynb"}:
        assert (ROOT / path).exists(), f"CONTRIBUTING.md names {path}"


@pytest.mark.parametrize("name", NAMES)
def test_everything_public_is_documented_and_annotated(name):
    module = importlib.import_module(name)
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
