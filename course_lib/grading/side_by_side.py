"""Pairs of students whose code is alike, for an instructor to look at: a page, and a table."""

import csv
import html
import io
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from course_lib.grading.report import bars, bullets, harmless, page
from course_lib.grading.similarity import CEILING, ENOUGH, FLOOR, Comparison, Document, K, Pair

INNOCENT = (
    "Similar code has many innocent causes: a formula with one natural way to write it, a group "
    "that was allowed to work together, a page that both have read. This page accuses nobody, and "
    "nothing in it changes a score. Look yourself, compare with what the text of the assignment "
    "suggests, and ask before you conclude."
)
METHOD = (
    "Names, comments, strings and layout do not count, nor the order of functions; what was "
    "handed out and what many of the class have written does not count, either. A pair's score "
    "is the share of the shorter code's fingerprints (winnowing) that the other has, too."
)
SHOWN = 20_000  # characters of a cell
BEFORE = 400  # characters before the first passage of a cell that is longer
STYLE = """<style>body { max-width: 100rem } pre { white-space: pre-wrap; overflow-wrap: anywhere;
font-size: .8rem; line-height: 1.35 } td { width: 50% } mark { background: #ffe08a }</style>"""
INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f]")
"""Characters that show nothing, or that turn the direction of what follows."""


class Passage(NamedTuple):
    """A stretch of a cell that the other student's code has, too.

    lexemes  its first one, and the one behind its last
    """

    cell: int
    start: int
    end: int
    lexemes: range


Numbered = tuple[Passage, str]


def passages(document: Document, shared: frozenset[int]) -> list[Passage]:
    """Join the k-grams that are shared to stretches, in the order of the code."""
    covered = {at + k for gram in shared for at in document.grams[gram] for k in range(K)}
    found = []
    steady = enumerate(sorted(covered))  # the difference is, as long as lexemes follow each other
    for _, run in groupby(steady, key=lambda at: (at[1] - at[0], document.places[at[1]][0])):
        at = [lexeme for _, lexeme in run]
        (cell, start, _), (_, _, end) = document.places[at[0]], document.places[at[-1]]
        found.append(Passage(cell, start, end, range(at[0], at[-1] + 1)))
    return found


def numbered(pair: Pair, common: frozenset[int]) -> tuple[list[Numbered], list[Numbered]]:
    """Number the first one's passages; the second one's have the numbers of their counterparts."""
    first, second = pair.first, pair.second
    shared = frozenset(first.grams.keys() & second.grams.keys()) - common
    mine, theirs = passages(first, shared), passages(second, shared)
    number = {at: i for i, passage in enumerate(mine, 1) for at in passage.lexemes}
    where = {at: i for i, passage in enumerate(theirs) for at in passage.lexemes}
    matched: list[set[int]] = [set() for _ in theirs]
    for gram in shared:
        numbers = {number[at] for at in first.grams[gram]}
        for i in {where[at] for at in second.grams[gram]}:
            matched[i] |= numbers
    told = [", ".join(map(str, sorted(numbers))) for numbers in matched]
    return [(passage, str(i)) for i, passage in enumerate(mine, 1)], list(zip(theirs, told))


def marked(document: Document, found: Sequence[Numbered]) -> Iterator[str]:
    """Yield the cells that hold passages as HTML, with these marked."""
    for cell, run in groupby(found, key=lambda one: one[0].cell):
        source, some = document.cells[cell], list(run)
        at = 0 if len(source) <= SHOWN else max(0, some[0][0].start - BEFORE)
        stop, parts = min(len(source), at + SHOWN), ["⋯" if at else ""]
        for passage, number in some:
            start, end = min(passage.start, stop), min(passage.end, stop)
            inside = escaped(source[start:end])
            if inside:
                parts += [escaped(source[at:start]), f"<mark><sup>{number}</sup>{inside}</mark>"]
                at = end
        parts += [escaped(source[at:stop]), "⋯" if stop < len(source) else ""]
        yield f"<pre>{''.join(parts)}</pre>"


def escaped(text: str) -> str:
    """A student's text as HTML that shows what it holds and does nothing."""
    return html.escape(INVISIBLE.sub("\N{REPLACEMENT CHARACTER}", text))


def chosen(comparison: Comparison, threshold: float | None) -> list[Pair]:
    """The pairs above a threshold, or else above the class's own."""
    bar = comparison.threshold if threshold is None else threshold
    return [pair for pair in comparison.pairs if pair.score > bar]


def usual(comparison: Comparison, threshold: float | None) -> str:
    """Say what the class's pairs score, and what a pair must exceed."""
    count = len(comparison.scores)
    bar = comparison.threshold if threshold is None else threshold
    if threshold is not None:
        why = "as you asked"
    elif len(comparison.documents) < ENOUGH:
        why = f"for want of a class: fewer than {ENOUGH} submissions cannot tell what is usual"
    elif bar == CEILING:
        why = "which is all but the same, since the class writes alike"
    elif bar > FLOOR:
        why = "three quartile distances above the class's upper quartile, since it writes alike"
    else:
        why = "since the class's own outer fence lies below that"
    if not count:
        return "There are not two submissions to compare."
    middle = comparison.scores[count // 2]
    high = comparison.scores[min(count - 1, int(0.95 * count))]
    return (
        f"Of {count:,} pairs, half score {middle:.2f} or less and 95% {high:.2f} or less. To be "
        f"shown, a pair must exceed {bar:.2f}, {why}."
    )


def similarity_page(
    name: str, comparison: Comparison, threshold: float | None, most: int, told: Sequence[str]
) -> str:
    """The pairs that are worth a look, side by side, beside what is usual in the class.

    threshold  what a pair must exceed; None for what the class suggests
    most       how many pairs are shown
    told       about submissions that are not among them
    """
    found = chosen(comparison, threshold)
    counts = [0] * 10
    for score in comparison.scores:
        counts[min(9, int(10 * score))] += 1
    parts = [STYLE, f"<p><b>{INNOCENT}</b></p><p>{METHOD}</p>"]
    parts += [f"<p>{usual(comparison, threshold)}</p>"]
    parts.append(bars([(f"{i / 10:.1f}–{(i + 1) / 10:.1f}", n) for i, n in enumerate(counts)]))
    if told:
        parts += ["<h2>Not compared, or not all of it</h2>", bullets(told)]
    if len(found) > most:
        parts.append(f"<p>{len(found) - most} more pairs are in similar.csv.</p>")
    for pair in found[:most]:
        mine, theirs = numbered(pair, comparison.common)
        share = comparison.at_least(pair.score)
        parts += [
            f"<h2>{escaped(pair.first.who)} and {escaped(pair.second.who)}: {pair.score:.2f}</h2>",
            f"<p>{pair.shared} fingerprints in common that few others have; {share:.2%} of the "
            "pairs score as much. A passage has the number of its counterpart.</p>",
            "<table><tr>",
            *(f"<th>{escaped(one.who)}</th>" for one in (pair.first, pair.second)),
            "</tr><tr><td>",
            *marked(pair.first, mine),
            "</td><td>",
            *marked(pair.second, theirs),
            "</td></tr></table>",
        ]
    if not found:
        parts.append("<p>No pair stands out.</p>")
    return page(f"{name}: similar code", parts)


def similarity_table(comparison: Comparison, threshold: float | None) -> str:
    """All pairs that share anything as CSV, the most alike first."""
    above = len(chosen(comparison, threshold))
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["first", "second", "score", "fingerprints", "pairs_at_least_so", "shown"])
    for number, pair in enumerate(comparison.pairs):
        share = comparison.at_least(pair.score)
        names = [harmless(one.who) for one in (pair.first, pair.second)]
        shown = "yes" if number < above else "no"
        writer.writerow([*names, f"{pair.score:.3f}", pair.shared, f"{share:.5f}", shown])
    return out.getvalue()
