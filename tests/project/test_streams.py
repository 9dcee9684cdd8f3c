"""Whatever the package prints can be printed anywhere: on Windows' cp1252, or in plain ASCII."""

import ast
import io
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import draw_map
import pytest
import torch

from course_lib import checks, cli, judging, say


@contextmanager
def narrow(encoding):
    """Give way to a stream that lacks most signs, and yield a function that reads what came."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")

    def written():
        stream.flush()
        return stream.buffer.getvalue().decode(encoding, "replace")

    with redirect_stdout(stream), redirect_stderr(stream):
        yield written


ENCODINGS = pytest.mark.parametrize("encoding", ["cp1252", "ascii", "cp437"])


@ENCODINGS
def test_a_claim_is_printed(encoding):
    with narrow(encoding) as written:
        checks.claim("ᾱ falls", torch.tensor(True))
        assert written() == "OK: ? falls\n"


def test_a_stream_that_has_the_sign_gets_it(capsys):
    say("✓ ᾱ falls")
    assert capsys.readouterr().out == "✓ ᾱ falls\n"


@ENCODINGS
@pytest.mark.parametrize("right", [True, False])
def test_a_turn_goes_on(encoding, right):
    def jump():
        return right

    with narrow(encoding) as written:
        with checks.turn(jump):
            assert jump(), "ᾱ is missing."
        words = "OK: jump is yours" if right else "NOT YET: jump: ? is missing."
        assert written().startswith(words)


@ENCODINGS
def test_differences_are_printed(encoding):
    trials, chance = judging.Trials(100), torch.Generator().manual_seed(0)
    for way in "ab":
        scores = {"frechet": torch.rand(4, generator=chance)}
        trials.scores[way] = dict.fromkeys(("first", "second"), scores)
    with narrow(encoding) as written:
        trials.versus("a", "b")
        assert written().startswith("a minus b, frechet: first ")


@ENCODINGS
@pytest.mark.parametrize("words", ["", "train", "sample", "evaluate", "grade"])
def test_help_is_printed(encoding, words):
    with narrow(encoding) as written:
        with pytest.raises(SystemExit) as end:
            cli.app([*words.split(), "--help"])
        assert end.value.code == 0 and "Usage" in written()


@ENCODINGS
def test_an_error_is_printed(encoding):
    with narrow(encoding) as written:
        with pytest.raises(SystemExit):
            cli.app(["sample", "--checkpoint", "ᾱ"])
        assert "no checkpoint at " in written()


@pytest.mark.parametrize("name", [n for n in draw_map.modules() if ".grading" not in n])
def test_lines_are_printed_by_what_prints_them_anywhere(name):
    tree = ast.parse(draw_map.modules()[name].read_text("utf-8"))
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    prints = [f.lineno for f in calls if isinstance(f, ast.Name) and f.id == "print"]
    assert not prints or name == "course_lib", f"{name} prints in the lines {prints}: use `say`"
