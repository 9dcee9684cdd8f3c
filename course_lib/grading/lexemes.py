"""Code as a row of lexemes in which names, layout, comments and strings leave no trace.

Python's own ``tokenize`` stops at the first fault, differs between versions, and takes quadratic
time for some lines; what is handed in has faults. Here everything is some lexeme, in linear time.
"""

import builtins
import keyword
import re
from collections.abc import Iterator
from typing import NamedTuple

LEXEME = re.compile(
    r"""
    (?P<dropped>
        \s+ | \#.* | ^[%!?].* | [,;\\]  # a trailing comma is layout
        | [bfrtuBFRTU]{0,2} (?:  # what is left open ends with the text, or the line
            "{3}[\s\S]*?(?:"{3}|\Z) | '{3}[\s\S]*?(?:'{3}|\Z)
            | "[^"\\\n]*(?:\\[\s\S][^"\\\n]*){0,5000}"?
            | '[^'\\\n]*(?:\\[\s\S][^'\\\n]*){0,5000}'?
        )
    )
    | (?P<number> \.?\d(?:[eE][+-]|[\w.])* )
    | (?P<attribute> \.\s*[^\W\d]\w* )
    | (?P<name> [^\W\d]\w* )
    | (?P<sign> \S )
    """,
    re.VERBOSE | re.MULTILINE,
)
KEPT = frozenset({*keyword.kwlist, *dir(builtins)})
"""Names that are the language's, which nobody can choose otherwise."""
LONGEST = 40  # characters of a lexeme that count
CHOSEN = "v"
"""Any name that the student could choose."""


class Lexeme(NamedTuple):
    """What stands at ``source[start:end]``, in the spelling that all others have, too."""

    text: str
    start: int
    end: int


def lexemes(source: str) -> Iterator[Lexeme]:
    """Yield the lexemes of a cell's code, whether it is Python or not.

    A name becomes one and the same letter, unless it is the language's. An attribute keeps its
    name, for it is mostly a library's (``.cumprod``), but not that of ``self``, whose names are
    the student's own. A sign is one character, so that spaces between signs do not matter.
    """
    owner = ""
    for match in LEXEME.finditer(source):
        kind, text = match.lastgroup, match[0][:LONGEST]
        if kind == "dropped":
            continue
        if kind == "name":
            spelled = text if text in KEPT else CHOSEN
        elif kind == "attribute":
            spelled = "." + (CHOSEN if owner == "self" else text[1:].lstrip())
        else:
            spelled = _number(text) if kind == "number" else text
        yield Lexeme(spelled, match.start(), match.end())
        owner = text


def _number(text: str) -> str:
    """``1_000``, ``1000.`` and ``1e3`` are one number."""
    try:
        return str(float(text))
    except ValueError:
        return text
