"""Submissions made from a master: for the audit of the grader, and for a class to try it on."""

import copy
import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from course_lib.grading import notebook


@dataclass(frozen=True)
class Mutant:
    """A wrong answer that looks right.

    exercise  grade_id of the answer that is changed
    old, new  text that is replaced in it
    then      another replacement
    says      what the finding must contain
    also      another exercise that may fall with it, such as one that uses this one's network
    """

    name: str
    exercise: str
    old: str
    new: str
    says: str
    then: tuple[str, str] = ("", "")
    also: str = ""

    def change(self, source: str) -> str:
        """Return the answer with the fault in it."""
        for old, new in ((self.old, self.new), self.then):
            if old not in source:
                raise ValueError(f"The mutant {self.name!r} does not fit its master: {old!r}.")
            source = source.replace(old, new) if old else source
        return source


@dataclass(frozen=True)
class Alternate:
    """A right answer that is written otherwise: ``source`` takes the place of the answer."""

    name: str
    exercise: str
    source: str

    def change(self, source: str) -> str:
        """Return the other answer."""
        return self.source


def load_cases(name: str, solutions: Path) -> tuple[Sequence[Mutant], Sequence[Alternate]]:
    """Read MUTANTS and ALTERNATES from ``solutions/<name>/cases.py``."""
    spec = importlib.util.spec_from_file_location(f"cases_{name}", solutions / name / "cases.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.MUTANTS, module.ALTERNATES


def load_master(name: str, solutions: Path) -> dict:
    """Read a master as the JSON that it is.

    Raises  FileNotFoundError if there is no such assignment
    """
    path = solutions / name / f"{name}.ipynb"
    if not path.is_file():
        raise FileNotFoundError(f"There is no master {path}.")
    return json.loads(path.read_text("utf-8"))


def changed(master: dict, case: Mutant | Alternate) -> dict:
    """Return a copy of a master with one answer changed."""
    content = copy.deepcopy(master)
    for cell in content["cells"]:
        if notebook.name_of(cell) == case.exercise:
            cell["source"] = case.change("".join(cell["source"]))
    return content


def with_cell(master: dict, source: str, at: int = 2) -> dict:
    """Return a copy of a master with a code cell of the student's own."""
    content = copy.deepcopy(master)
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    content["cells"].insert(at, {**cell, "id": "own", "source": source})
    return content


def submit(content: dict | str, folder: Path, student: str, assignment: str) -> Path:
    """Write a notebook where nbgrader would collect it, and return its path."""
    path = folder / student / assignment / f"{assignment}.ipynb"
    path.parent.mkdir(parents=True)
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    path.write_text(text, "utf-8")
    return path


def unanswered(master: dict, exercises: Sequence[str]) -> dict:
    """Return a copy of a master in which some answers are not written."""
    content = copy.deepcopy(master)
    for cell in content["cells"]:
        if notebook.name_of(cell) in exercises:
            lines = "".join(cell["source"]).splitlines()
            head = [line for line in lines if line.startswith("def ")]
            cell["source"] = "\n".join(f"{line}\n    raise NotImplementedError()" for line in head)
    return content


def write_class(folder: Path, solutions: Path) -> dict[str, str]:
    """Write twelve submissions of a1_toy_diffusion; return what each student did."""
    name = "a1_toy_diffusion"
    master = load_master(name, solutions)
    mutants, alternates = load_cases(name, solutions)
    answers = [
        notebook.name_of(cell) for cell in master["cells"] if notebook.marks(cell).get("solution")
    ]
    wrong = {mutant.name: mutant for mutant in mutants}
    several = changed(changed(master, wrong["uniform noise"]), wrong["begins at T - 1"])
    copied = copy.deepcopy(master)
    copied["cells"].append(copy.deepcopy(copied["cells"][-3]))
    answers_in_home = 'import pathlib\nprint([*pathlib.Path("/").rglob("grading.py")])'
    students = {
        "ana": ("everything right", master),
        "ben": ("everything right, written otherwise", changed(master, alternates[1])),
        "chloe": ("forgot two square roots", changed(master, wrong["both roots missing"])),
        "david": ("two faults in two exercises", several),
        "emma": ("stopped after four exercises", unanswered(master, answers[4:])),
        "farid": ("handed in the empty notebook", unanswered(master, answers)),
        "grace": ("copied a cell of the checks", copied),
        "hugo": (
            "an endless loop in exercise 7",
            changed(
                master, Mutant("", "ex7_sampler", "for t in", "while True: pass\n    for t in", "")
            ),
        ),
        "ines": ("ends the process at once", with_cell(master, "import os\nos._exit(0)")),
        "jonas": (
            "looks for the answers",
            with_cell(unanswered(master, answers), answers_in_home),
        ),
        "kira": ("a file cut off in the middle", json.dumps(master)[:5000]),
        "liam": ("handed in nothing", None),
    }
    for student, (_, content) in students.items():
        if content is None:
            (folder / student).mkdir(parents=True)
        else:
            submit(content, folder, student, name)
    return {student: what for student, (what, _) in students.items()}
