"""Answers in words, which a person reads: what was asked, and what everybody wrote, nameless."""

import html
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from course_lib.grading import notebook
from course_lib.grading.report import page
from course_lib.grading.side_by_side import escaped

UNANSWERED, STUB = "YOUR ANSWER HERE", "raise NotImplementedError()"
"""What nbgrader puts in the place of an answer, in words and in code."""
LONGEST = 20_000  # characters of an answer, and of what its cells have printed
NAMELESS = "[name]"
STYLE = """<style>body { max-width: 60rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere }</style>"""
HOW = (
    "Each answer stands under a code word, another one for each question, in an order that has "
    "nothing to do with names. Write the points, and if you like a comment, which the student "
    "will read, into by_hand.csv in the row of the code word. Pictures are in the notebooks only."
)


@dataclass(frozen=True)
class Question:
    """A cell of the master with points that a person gives.

    text   the markdown above it, from the last heading on
    model  the master's answer, the rubric included
    above  names of the cells between the last points and it: its code, and what it looks at
    """

    id: str
    title: str
    points: float
    text: str
    model: str
    above: tuple[str, ...]


def questions(master: Path) -> list[Question]:
    """Return the questions of a master: cells with points whose answer is the student's text."""
    found: list[Question] = []
    text: list[str] = []
    above: list[str] = []
    for cell in notebook.parse(master.read_text("utf-8")):
        about, source = notebook.marks(cell), cell["source"]
        if about.get("grade") and about.get("solution"):
            last = max((i for i, part in enumerate(text) if part.startswith("#")), default=0)
            title = re.sub(r"#+ *|\(.*", "", "\n".join(text[last:]).split("\n")[0]).strip()
            model = re.sub(r"^ *### (BEGIN|END) SOLUTION\n?", "", source, flags=re.M)
            asked = "\n\n".join(text[last:])
            name = notebook.name_of(cell)
            points = float(about["points"])
            found.append(Question(name, title or name, points, asked, model, tuple(above)))
        elif cell["cell_type"] == "markdown":
            text.append(source)
        elif about:
            above.append(notebook.name_of(cell))
        if about.get("points"):
            text, above = [], []
    return found


def answers(data: bytes, master: Path, asked: Sequence[Question]) -> dict[str, str]:
    """Return what a student wrote to each question, as text; empty for an unanswered one.

    It is the answer's cell and the student's own cells right below it, the code that belongs to
    the question, and what the cells above have printed. If the answer's cell has lost its name,
    all of the student's own texts are the answer.

    Raises  Unreadable if this is no notebook
    """
    text, _ = notebook.decoded(data)
    cells, ours = notebook.parse(text), notebook.parse(master.read_text("utf-8"))
    printed = [_printed(cell) for cell in json.loads(text)["cells"]]
    known = {notebook.name_of(cell): cell for cell in ours}
    given = {cell["source"].strip() for cell in ours}
    names = [notebook.name_of(cell) for cell in cells]
    strange = [cell for cell, name in zip(cells, names) if name not in known]
    loose = [c["source"] for c in strange if c["cell_type"] == "markdown"]
    loose = [source for source in loose if source.strip() not in given]
    found = {}
    for question in asked:
        words = [] if question.id in names else loose
        for i, name in enumerate(names):
            if name == question.id:
                words.append(cells[i]["source"])
                for cell, other in zip(cells[i + 1 :], names[i + 1 :]):
                    if other in known:
                        break
                    words.append(cell["source"])
        said = "\n\n".join(words).replace(UNANSWERED, "").strip()
        at = [i for i, name in enumerate(names) if name in question.above]
        mine = [i for i in at if notebook.marks(known[names[i]]).get("solution")]
        code = [cells[i]["source"] for i in mine if STUB not in cells[i]["source"]]
        shown = [printed[i] for i in at if printed[i]] if said or code else []
        parts = ["\n\n".join(part)[:LONGEST] for part in ([said], code, shown)]
        found[question.id] = "\n\n– – –\n\n".join(part for part in parts if part)
    return found


def _printed(cell: dict) -> str:
    """What a cell has printed, as it was handed in; anything may stand there instead."""
    outputs = cell.get("outputs")
    texts = []
    for output in outputs if isinstance(outputs, list) else ():
        if isinstance(output, dict) and output.get("output_type") == "stream":
            text = output.get("text", "")
            texts.append("".join(map(str, text)) if isinstance(text, list) else str(text))
    return "".join(texts)[:LONGEST].strip()


def without_names(text: str, own: Iterable[str], others: Iterable[str]) -> str:
    """Take names out of a text wherever they stand as whole words, large or small.

    own     the student's: the id, the full name; of a full name, every word counts
    others  the ids of the class
    A number counts only from five digits on: the student 25 must not cost anybody his 25 steps.
    """
    own = [name for name in own if name]
    words = {*own, *others, *(word for name in own for word in re.findall(r"[^\W\d]{3,}", name))}
    words = {word.casefold() for word in words if not re.fullmatch(r"\d{,4}|.", word)}
    for name in sorted(own, key=len, reverse=True):
        if name.casefold() in words:
            pattern = rf"(?<!\w){re.escape(name)}(?!\w)"
            text = re.sub(pattern, NAMELESS, text, flags=re.IGNORECASE)
    return re.sub(
        r"[\w@+-]+(?:\.\w+)*",
        lambda word: NAMELESS if word[0].casefold() in words else word[0],
        text,
    )


def question_page(name: str, question: Question, texts: dict[str, str]) -> str:
    """All answers to one question on a page, by their code words.

    texts  by the code words, already without names
    """
    empty = sorted(code for code, text in texts.items() if not text)
    parts = [STYLE, f"<p>{HOW}</p>"]
    parts += [f"<h2>Asked, for {question.points:g} points</h2>", _pre(question.text)]
    parts += ["<h2>The model answer, and the rubric</h2>", _pre(question.model)]
    for code in sorted(texts.keys() - set(empty)):
        parts += [f"<h2>{html.escape(code)}</h2>", _pre(texts[code])]
    if empty:
        parts.append(f"<h2>Without an answer</h2><p>{html.escape(', '.join(empty))}</p>")
    return page(f"{name}: {question.title}", parts)


def _pre(text: str) -> str:
    return f"<pre>{escaped(text)}</pre>"
