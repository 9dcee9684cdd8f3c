"""How alike the code of two students is, by winnowing, the method of MOSS.

Every run of ``K`` lexemes is a *k-gram*, and the smallest digest among each ``WINDOW`` neighbours
is a *fingerprint*: whatever two texts share in ``K + WINDOW - 1`` lexemes, they share in a
fingerprint, wherever it stands. A k-gram that the released notebook has, or many of the class, is
no evidence and does not count.

See  Schleimer, Wilkerson, Aiken 2003, "Winnowing: local algorithms for document fingerprinting"

It is written out here because the kept library, copydetect, hashes with Python's salted ``hash``,
so that no two runs agree, and takes every attribute for the same: ``x.sqrt()`` for ``x.mean()``.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from course_lib.grading.lexemes import lexemes

K, WINDOW = 10, 4  # lexemes: what is shorter than half a line is chance, and a line is found
LEXEMES_CAP = 20_000  # of one student; an answer to all of a1 has about 500
CODE_CAP = 2_000_000  # characters of one student, a network's weights as text included
SHARE, FEW = 0.1, 4
"""What more than this share of the class has, and more than these few, counts as common."""
LEAST = 20  # fingerprints, which is a function of five lines
FLOOR, CEILING = 0.5, 0.95
"""Of the threshold: what is less than half is no pair, and what is all but the same always is."""
ENOUGH = 6  # submissions from which on the class can tell what is usual


@dataclass(frozen=True)
class Document:
    """One student's code.

    cells   the sources
    places  (cell, start, end) of each lexeme
    grams   by its digest, the lexemes with which each k-gram begins
    prints  the fingerprints among them
    cut     whether there is more, which was not read
    """

    who: str
    cells: Sequence[str]
    places: Sequence[tuple[int, int, int]]
    grams: dict[int, list[int]]
    prints: frozenset[int]
    cut: bool


@dataclass(frozen=True)
class Pair:
    """Two students, and what their code has in common.

    shared  fingerprints of both that are not common
    score   their share of the smaller document's, from 0 to 1, the same in both directions. Where
            more than half of what a student wrote is common, half of it is what they are a share
            of: that two of three rare lines are shared is no pair.
    """

    first: Document
    second: Document
    shared: int
    score: float


@dataclass(frozen=True)
class Comparison:
    """A class, compared.

    documents  of the class
    common     digests of the k-grams that do not count
    pairs      those that share anything, the most alike first
    scores     of all pairs, in rising order
    """

    documents: Sequence[Document]
    common: frozenset[int]
    pairs: Sequence[Pair]
    scores: np.ndarray

    @property
    def threshold(self) -> float:
        """What a pair must exceed to be worth a look: half, or the class's outer fence.

        See  Tukey 1977, "Exploratory data analysis": three quartile distances above the upper one
        """
        if len(self.documents) < ENOUGH:
            return FLOOR
        low, high = np.percentile(self.scores, [25, 75])
        return min(CEILING, max(FLOOR, float(high + 3 * (high - low))))

    def at_least(self, score: float) -> float:
        """The share of all pairs that are as much alike, or more."""
        return 1 - np.searchsorted(self.scores, score) / max(1, len(self.scores))


def document(who: str, cells: Iterable[str]) -> Document:
    """Take the fingerprints of code. No k-gram spans two cells."""
    cells = list(cells)
    places: list[tuple[int, int, int]] = []
    grams: dict[int, list[int]] = {}
    prints: set[int] = set()
    unread = CODE_CAP
    for number, source in enumerate(cells):
        found = list(islice(lexemes(source[:unread]), LEXEMES_CAP - len(places)))
        unread = max(0, unread - len(source))
        row = [_digest([lexeme.text for lexeme in found[i : i + K]]) for i in _starts(found, K)]
        for i, gram in enumerate(row):
            grams.setdefault(gram, []).append(len(places) + i)
        if row:
            prints.update(min(row[i : i + WINDOW]) for i in _starts(row, WINDOW) or [0])
        places += [(number, lexeme.start, lexeme.end) for lexeme in found]
    cut = not unread or len(places) == LEXEMES_CAP
    return Document(who, cells, places, grams, frozenset(prints), cut)


def _starts(row: Sequence, length: int) -> range:
    """Where a stretch of this length can begin."""
    return range(len(row) - length + 1)


def _digest(texts: Sequence[str]) -> int:
    data = "\n".join(texts).encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def compare(
    documents: Sequence[Document], released: Document, old: Sequence[Document] = ()
) -> Comparison:
    """Compare each document of a class with all others, and with older ones.

    released  what all were given
    old       of other years; they are not compared with each other
    """
    every = [*documents, *old]
    have = Counter(gram for one in every for gram in one.grams)
    most = max(FEW, SHARE * len(every))
    common = frozenset({*released.grams, *(gram for gram, n in have.items() if n > most)})
    own = [one.prints - common for one in every]
    sizes = [
        max(LEAST, len(mine), len(one.prints - released.grams.keys()) / 2)
        for one, mine in zip(every, own)
    ]
    pairs, scores = [], []
    for i, first in enumerate(documents):
        for j in range(i + 1, len(every)):
            shared = len(own[i] & own[j])
            scores.append(shared / min(sizes[i], sizes[j]))
            if shared:
                pairs.append(Pair(first, every[j], shared, scores[-1]))
    pairs.sort(key=lambda pair: (-pair.score, pair.first.who, pair.second.who))
    return Comparison(documents, common, pairs, np.sort(scores))
