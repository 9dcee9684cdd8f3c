"""Draw the rooms of ``course_lib`` and what each of them imports: ``make map``.

    python tools/draw_map.py

Writes images/rooms.svg. Rooms stand above all that they import, and an arrow leads to each, unless
a longer way leads there, too.
"""

import ast
import re
import textwrap
from graphlib import TopologicalSorter
from html import escape
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "course_lib"
PICTURE = PACKAGE.parent / "images" / "rooms.svg"
THEORY = "theory"
"""The room of the modules that lie in the package's own folder."""

WIDTH, LINE, GAP, RISE, MARGIN = 250, 17, 26, 46, 16  # pixels


def modules() -> dict[str, Path]:
    """Return the file of every module of the package, by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


def imported(name: str) -> set[str]:
    """Return what a module imports, by dotted names; of ours, down to the module."""
    known, found = modules(), set()
    for node in ast.walk(ast.parse(known[name].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & known.keys()) or {node.module}
    return found


def room(name: str) -> str:
    """Return the room of one of our modules; the package itself belongs to none: ''."""
    _, *parts = name.split(".")
    if not parts:
        return ""
    return parts[0] if (PACKAGE / parts[0]).is_dir() else THEORY


def doors() -> dict[str, set[str]]:
    """Return which other rooms each room imports."""
    found: dict[str, set[str]] = {}
    for name in modules():
        ours = {room(other) for other in imported(name) if other.split(".")[0] == PACKAGE.name}
        found.setdefault(room(name), set()).update(ours - {room(name), ""})
    del found[""]
    return found


def steps(rooms: dict[str, set[str]]) -> dict[str, set[str]]:
    """Leave out what is reached by way of another room."""
    reached: dict[str, set[str]] = {}
    for name in TopologicalSorter(rooms).static_order():
        reached[name] = rooms[name].union(*(reached[other] for other in rooms[name]))
    return {
        name: others - set().union(*(reached[other] for other in others))
        for name, others in rooms.items()
    }


def storeys(rooms: dict[str, set[str]]) -> list[list[str]]:
    """Return rows of rooms from top to bottom, each room right below whatever imports it."""
    order = list(TopologicalSorter(rooms).static_order())
    depth = dict.fromkeys(order, 0)
    for name in reversed(order):
        for other in rooms[name]:
            depth[other] = max(depth[other], depth[name] + 1)
    rows = [[name for name in order if depth[name] == d] for d in range(max(depth.values()) + 1)]
    place = dict.fromkeys(order, 0.0)
    for _ in range(4):  # rooms move to the middle of what they are joined to, row by row
        for row in rows:
            for name in row:
                near = [o for o in order if o in rooms[name] or name in rooms[o]]
                place[name] = sum(place[o] for o in near) / max(1, len(near))
            row.sort(key=lambda name: (place[name], name))
            place |= {name: k - (len(row) - 1) / 2 for k, name in enumerate(row)}
    return rows


def contents(name: str) -> tuple[str, list[str]]:
    """Return what a room is for, and its modules in the order of its docstring."""
    guide = documentation(PACKAGE / "__init__.py")
    theory = name == THEORY
    text = guide if theory else documentation(PACKAGE / name / "__init__.py")
    inside = {n.removeprefix(f"{PACKAGE.name}.") for n in modules() if room(n) == name} - {name}
    inside = {n.removeprefix(f"{name}.").split(".")[0] for n in inside} - {"__main__"}
    places = {n: re.search(rf"`{n}`|^ +{n} ", text, re.M) for n in inside}
    order = sorted(inside, key=lambda n: places[n].start() if places[n] else len(text))
    told = (
        "the line on which all rests" if theory else re.search(rf"^ +{name} +(.+)", guide, re.M)[1]
    )
    return told.replace("`", ""), order


def documentation(path: Path) -> str:
    """Return the docstring of a file."""
    return ast.get_docstring(ast.parse(path.read_text("utf-8")), clean=False)


def draw() -> str:
    """Return the picture."""
    rooms = doors()
    rows = storeys(steps(rooms))
    texts = {}
    for name in rooms:
        purpose, inside = contents(name)
        lines = textwrap.wrap(purpose, 36)
        texts[name] = lines, textwrap.wrap(", ".join(inside), 33)
    high = {name: LINE * (1 + len(a) + len(b)) + 22 for name, (a, b) in texts.items()}
    across = max(len(row) for row in rows)
    total = across * WIDTH + (across - 1) * GAP + 2 * MARGIN
    at, y = {}, MARGIN
    for row in rows:
        left = (total - len(row) * WIDTH - (len(row) - 1) * GAP) / 2
        for k, name in enumerate(row):
            at[name] = left + k * (WIDTH + GAP), y
        y += max(high[name] for name in row) + RISE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total:g} {y - RISE + MARGIN:g}" '
        'font-family="Helvetica, Arial, sans-serif" font-size="13">',
        "<title>The rooms of course_lib, each above those that it imports</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
        'markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="#666"/></marker></defs>',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for name, others in sorted(steps(rooms).items()):
        for other in sorted(others):
            x1, y1 = at[name][0] + WIDTH / 2, at[name][1] + high[name]
            x2, y2 = at[other][0] + WIDTH / 2, at[other][1]
            x1 += max(-90, min(90, (x2 - x1) / 4))
            x2 += max(-90, min(90, (x1 - x2) / 4))
            bend = f"C{x1:g} {y1 + RISE:g} {x2:g} {y2 - RISE:g}"
            parts.append(
                f'<path d="M{x1:g} {y1:g}{bend} {x2:g} {y2:g}" fill="none" stroke="#666" '
                'stroke-width="1.4" marker-end="url(#tip)"/>'
            )
    for name, (purpose, inside) in texts.items():
        x, y = at[name]
        fill = "#fff3d6" if name == THEORY else "#eef3f8"
        parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{high[name]}" rx="6" '
            f'fill="{fill}" stroke="#345"/>'
        )
        styled = [(name, 'font-weight="bold" font-size="15"')]
        styled += [(line, 'fill="#222"') for line in purpose]
        styled += [
            (line, 'fill="#0b5394" font-family="monospace" font-size="11"') for line in inside
        ]
        for k, (line, style) in enumerate(styled):
            parts.append(
                f'<text x="{x + 12:g}" y="{y + 22 + LINE * k:g}" {style}>{escape(line)}</text>'
            )
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(draw(), "utf-8")
    print(f"Wrote {PICTURE.relative_to(PACKAGE.parent)}.")
