"""Every small change of an answer: cosmic-ray's operators, and three of the course's own.

Those of cosmic-ray exchange signs, comparisons, numbers and conditions. The faults that students
make are often of another kind: a root is forgotten, two arguments change places, or one variable
stands for another. These are made here, as operators of the same kind.
"""

import ast
import difflib
import re
from collections.abc import Iterator
from typing import NamedTuple

from cosmic_ray import mutating, plugins
from cosmic_ray.operators.operator import Operator
from parso.python.tree import Name
from parso.tree import NodeOrLeaf

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
ASIDE = ("ExceptionReplacer", "VariableReplacer", "VariableInserter")
"""Operators that are left aside: the first changes what is caught, the others put a random number
at a name that they must be told."""
LIBRARIES = ("torch", "nn", "F", "time")


class Mutant(NamedTuple):
    """An answer with one change.

    source   the whole cell
    was      the lines that were changed, without their indentation
    becomes  what became of them
    """

    source: str
    was: str
    becomes: str


class Ours(Operator):
    """An operator that says of each node which changes there are, as functions of the node."""

    def changes(self, node: NodeOrLeaf) -> list:
        """Return functions that change the node, or return another in its place."""
        raise NotImplementedError

    def mutation_positions(self, node):
        return [(node.start_pos, node.end_pos) for _ in self.changes(node)]

    def mutate(self, node, index):
        return self.changes(node)[index]() or node

    @classmethod
    def examples(cls):
        return ()


class WithoutCall(Ours):
    """Leave out the call of a method: ``x.sqrt()`` becomes ``x``."""

    def changes(self, node):
        if node.type not in ("power", "atom_expr"):
            return []
        parts = [child.get_code().strip() for child in node.children]
        first = 2 if parts[0] in LIBRARIES else 1
        return [
            lambda k=k: node.children.__delitem__(slice(k, k + 2))
            for k in range(first, len(parts) - 1)
            if parts[k][0] == "." and parts[k + 1][0] == "("
        ]


class Exchanged(Ours):
    """Exchange two neighbours: arguments without a keyword, members of a list, indices."""

    def changes(self, node):
        if node.type not in ("arglist", "testlist_comp", "testlist_star_expr", "subscriptlist"):
            return []
        values = node.children[::2]

        def exchange(k):
            one, other = (value.get_code().strip() for value in values[k : k + 2])
            for value, text, at in ((values[k], other, 2 * k), (values[k + 1], one, 2 * k + 2)):
                node.children[at] = name(text, value)

        return [
            lambda k=k: exchange(k)
            for k in range(len(values) - 1)
            if all(value.type not in ("argument", "comp_for") for value in values[k : k + 2])
        ]


class OtherName(Ours):
    """Read another variable of the same function, of those that earlier lines set."""

    def changes(self, node):
        function = node.search_ancestor("funcdef") if node.type == "name" else None
        if function is None or node.is_definition() or node.get_previous_leaf() == ".":
            return []
        known = {
            leaf.value
            for leaf in leaves(function)
            if leaf.type == "name" and leaf.is_definition() and leaf.line < node.line
        } - {function.name.value, "self"}
        named = node.parent.type == "argument" and node.parent.children[0] is node
        if node.value not in known or named:
            return []
        others = sorted(known - {node.value})
        return [lambda other=other: name(other, node) for other in others]


def name(text: str, instead: NodeOrLeaf) -> Name:
    """Return a text as a leaf that stands where another node stood."""
    made = Name(text, instead.start_pos, instead.get_first_leaf().prefix)
    made.parent = instead.parent
    return made


def leaves(node: NodeOrLeaf) -> Iterator[NodeOrLeaf]:
    """Yield the words and signs of which a node is made."""
    for child in getattr(node, "children", ()):
        yield from leaves(child)
    if not hasattr(node, "children"):
        yield node


def operators() -> list[Operator]:
    """Return every operator, cosmic-ray's first."""
    names = [name for name in plugins.operator_names() if name.split("/")[1] not in ASIDE]
    return [
        *(plugins.get_operator(name)() for name in names),
        *(own() for own in Ours.__subclasses__()),
    ]


def mutants(source: str) -> list[Mutant]:
    """Return all different changes of what stands between the marks of a solution.

    Left out is what is no Python, and what differs only in how it is written.
    """
    seen = {ast.dump(ast.parse(source))}
    found = []
    for operator in operators():
        occurrence = 0
        while (changed := mutating.mutate_code(source, operator, occurrence)) is not None:
            occurrence += 1
            try:
                tree = ast.dump(ast.parse(changed))
            except SyntaxError:
                continue
            was, becomes = difference(source, changed)
            if tree not in seen and was:
                seen.add(tree)
                found.append(Mutant(changed, was, becomes))
    return found


def difference(source: str, changed: str) -> tuple[str, str]:
    """Return the lines that differ; two empty texts if one of them is not the solution's."""
    old, new = source.splitlines(), changed.splitlines()
    inside, solution = False, []
    for line in old:
        inside = (inside or line.strip() == BEGIN) and line.strip() != END
        solution.append(inside)
    was, becomes = [], []
    for tag, i, j, m, n in difflib.SequenceMatcher(None, old, new, False).get_opcodes():
        if tag != "equal":
            if not all(solution[i:j]):
                return "", ""
            was, becomes = was + old[i:j], becomes + new[m:n]
    return plain(was), plain(becomes)


def plain(lines: list[str]) -> str:
    """Return lines as one text, without indentation and the spaces that operators leave."""
    return "\n".join(re.sub(r"(?<=[(\[]) +", "", " ".join(line.split())) for line in lines)
