"""Answers in words: nobody's name on the pages, and no point lost on the way back."""

import csv
import json
import re

import pytest
from audit import SOLUTIONS
from typer.testing import CliRunner

from course_lib import cli
from course_lib.grading import anonymous, by_hand, demo, notebook, results
from course_lib.grading.results import Mark, Result

NAME = "a2_mnist_ddpm"
MASTER = demo.load_master(NAME, SOLUTIONS)
QUESTIONS = anonymous.questions(SOLUTIONS / NAME / f"{NAME}.ipynb")
IDS = ["q1_answer", "q2_answer", "q3_answer", "q4_answer"]


def answered(words, change=lambda cells: cells):
    """Hand in the master with other words, and what a cell has printed."""
    content = json.loads(json.dumps(MASTER))
    for cell in content["cells"]:
        if notebook.name_of(cell) in IDS:
            cell["source"] = words
        if notebook.name_of(cell) == "q2_look":
            cell["outputs"] = [{"output_type": "stream", "text": ["t = 1\n", "error 0.5"]}]
    content["cells"] = change(content["cells"])
    return content


def read(content):
    data = json.dumps(content).encode()
    return anonymous.answers(data, SOLUTIONS / NAME / f"{NAME}.ipynb", QUESTIONS)


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A class of three, with results and a way to run a command."""
    monkeypatch.chdir(tmp_path)
    said = "Ana Bo and <b>Ben</b> say: cosine. By ana, who analyses."
    demo.submit(answered(said), tmp_path / "class", "ana", NAME)
    demo.submit(answered("Linear, says BEN."), tmp_path / "class", "ben", NAME)
    demo.submit(answered("YOUR ANSWER HERE"), tmp_path / "class", "=cem", NAME)
    (tmp_path / "class" / "dua").mkdir()
    for student in ("ana", "ben", "=cem", "dua"):
        mark = Mark("ex1_model", "Model", 30, 20.0, "graded")
        results.write(
            Result(student, NAME, "graded", [mark]), tmp_path / "results" / NAME / "students"
        )

    def course(*arguments):
        return CliRunner().invoke(cli.app, [str(one) for one in arguments])

    return tmp_path / "results" / NAME, course


def prepare(course):
    done = course("by-hand", NAME, "class", "--solutions", SOLUTIONS)
    assert done.exit_code == 0, done.output
    return done.output


def rows(folder):
    with (folder / "by_hand" / "by_hand.csv").open() as file:
        return list(csv.DictReader(file))


def fill(folder, values, delimiter=",", encoding="utf-8"):
    """Write points and comments, by student and question, as a spreadsheet would."""
    key = json.loads((folder / "by_hand_key.json").read_text())["codes"]
    some = rows(folder)
    for row in some:
        about = key.get(row["code"])
        if about and (about["student"], about["question"]) in values:
            row["points"], row["comment"] = values[about["student"], about["question"]]
    with (folder / "by_hand" / "by_hand.csv").open("w", encoding=encoding) as file:
        writer = csv.DictWriter(file, some[0].keys(), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(some)


def grades(folder):
    with (folder / "grades.csv").open() as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def test_the_questions_are_those_that_a_person_grades():
    assert [question.id for question in QUESTIONS] == IDS
    assert {question.points for question in QUESTIONS} == {5.0}
    third = QUESTIONS[2]
    assert third.title == "Question 3 · Between two noises" and "slerp" in third.text
    assert "q3_slerp" in third.above and "q2_look" not in third.above
    assert "**Rubric.**" in third.model and "SOLUTION" not in third.model
    (only,) = anonymous.questions(SOLUTIONS / "a5_cifar10" / "a5_cifar10.ipynb")
    assert (only.id, only.points) == ("ex3_analysis", 10) and "train_run" in only.above
    assert not anonymous.questions(SOLUTIONS / "a1_toy_diffusion" / "a1_toy_diffusion.ipynb")


def test_an_answer_is_found_with_its_code_and_what_was_printed():
    found = read(answered("My words."))
    assert found["q3_answer"].startswith("My words.") and "def slerp" in found["q3_answer"]
    assert "error 0.5" in found["q2_answer"] and "error 0.5" not in found["q1_answer"]
    assert set(read(answered("YOUR ANSWER HERE\n")).values()) - {""} == {
        read(answered(""))["q3_answer"]
    }, "code alone is an answer, and the stub is none"


def test_an_answer_below_its_cell_or_without_its_name_is_found():
    def below(cells):
        at = [notebook.name_of(cell) for cell in cells].index("q1_answer")
        own = {"cell_type": "markdown", "metadata": {}, "id": "mine", "source": "Below."}
        return [*cells[: at + 1], own, *cells[at + 1 :]]

    found = read(answered("YOUR ANSWER HERE", below))
    assert found["q1_answer"] == "Below." and found["q2_answer"] == ""

    def nameless(cells):
        return [{k: v for k, v in {**c, "metadata": {}}.items() if k != "id"} for c in cells]

    assert "My words." in read(answered("My words.", nameless))["q1_answer"]
    assert "Schedules compared" not in read(answered("My words.", nameless))["q1_answer"]


@pytest.mark.parametrize("outputs", [None, 5, [None], [{"output_type": "stream"}], [{"text": 3}]])
def test_outputs_may_be_anything(outputs):
    def odd(cells):
        return [{**cell, "outputs": outputs} for cell in cells]

    assert read(answered("My words.", odd))["q1_answer"] == "My words."


@pytest.mark.parametrize(
    "text, left",
    [
        ("I am Ana, ana and ANA.", "I am [name], [name] and [name]."),
        ("Lee Ann Smith; Smith; ben; ben@uni.edu", "[name]; [name]; [name]; ben@uni.edu"),
        ("analysis of bananas in 25 steps", "analysis of bananas in 25 steps"),
        ("number 123456", "number [name]"),
        ("ana.", "[name]."),
    ],
)
def test_names_are_taken_out_as_whole_words(text, left):
    own = ("123456", "Lee Ann Smith")
    assert anonymous.without_names(text, own, ["ana", "ben", "25", "123456"]) == left


def test_the_pages_tell_no_name_and_the_key_does(world):
    folder, course = world
    assert "dua: No notebook was handed in." in prepare(course)
    pages = {path.stem: path.read_text() for path in (folder / "by_hand").glob("*.html")}
    assert sorted(pages) == IDS
    page = pages["q1_answer"]
    assert "[name] Bo and &lt;b&gt;[name]&lt;/b&gt; say: cosine" in page and "who analyses" in page
    body = page[page.index("rubric") :]
    assert not re.search(r"\b(ana|ben|cem|dua)\b", body, re.I) and "<b>" not in body
    assert "Without an answer" in page and "Rubric." in page and "default-src 'none'" in page
    table = rows(folder)
    assert len(table) == 12 == len({row["code"] for row in table})
    assert {row["out of"] for row in table} == {"5"} and list(table[0]) == [*by_hand.COLUMNS]
    assert all(row["code"] in pages[row["question"]] for row in table)
    codes = json.loads((folder / "by_hand_key.json").read_text())["codes"]
    assert {about["student"] for about in codes.values()} == {"ana", "ben", "=cem"}
    assert "ana" not in (folder / "by_hand" / "by_hand.csv").read_text()


def test_points_reach_reports_and_exports_and_survive(world):
    folder, course = world
    prepare(course)
    assert "q1_answer" not in course("report", NAME).output
    assert "q1_answer" not in (folder / "grades.csv").read_text(), "nothing was given yet"
    values = {("ana", "q1_answer"): ("4,5", "Good; no limit."), ("=cem", "q1_answer"): ("0", "")}
    fill(folder, values, ";", "utf-8-sig")
    done = course("report", NAME)
    assert "10 of 12 answers have no points by hand yet." in done.output
    table = grades(folder)
    assert [table["ana"][id] for id in IDS] == ["4.5", "", "", ""]
    assert (table["ana"]["score"], table["ana"]["points"]) == ("24.5", "50")
    assert table["'=cem"]["q1_answer"] == "0" and table["dua"]["q1_answer"] == ""
    assert "Good; no limit." in (folder / "feedback" / "ana.html").read_text()
    before = {row["code"]: row for row in rows_of(folder, ";")}
    demo.submit(answered("Late."), folder.parents[1] / "class", "eve", NAME)
    prepare(course)
    after = {row["code"]: row for row in rows(folder)}
    assert len(after) == 16 and before.items() <= after.items()
    course("report", NAME)
    assert grades(folder)["ana"]["q1_answer"] == "4.5"


def rows_of(folder, delimiter):
    with (folder / "by_hand" / "by_hand.csv").open(encoding="utf-8-sig") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


@pytest.mark.parametrize(
    "points, sentence",
    [("50", "'50' is not between 0 and 5"), ("-1", "'-1' is not"), ("nan", "'nan' is not"),
     ("good", "'good' is not between")],
)  # fmt: skip
def test_points_that_are_none_are_told_and_do_not_count(points, sentence, world):
    folder, course = world
    prepare(course)
    fill(folder, {("ana", "q1_answer"): (points, ""), ("ben", "q1_answer"): ("3", "")})
    assert sentence in course("report", NAME).output
    table = grades(folder)
    assert (table["ana"]["q1_answer"], table["ben"]["q1_answer"]) == ("", "3")


def test_what_cannot_be_understood_is_one_sentence_and_nothing_is_lost(world):
    folder, course = world
    prepare(course)
    fill(folder, {("ana", "q1_answer"): ("3", "")})
    path = folder / "by_hand" / "by_hand.csv"
    text = path.read_text()
    path.write_text(text + "zuzuzuzu,q1_answer,4,5,\n")
    assert "nobody has the code 'zuzuzuzu'" in course("report", NAME).output
    prepare(course)
    assert "zuzuzuzu" in path.read_text(), "a row was thrown away"
    path.write_text("a,b\n1,2\n")
    done = course("by-hand", NAME, "class", "--solutions", SOLUTIONS)
    assert done.exit_code == 2 and "needs the columns code, question, points" in done.output
    assert path.read_text() == "a,b\n1,2\n"
    assert "needs the columns" in course("report", NAME).output
    path.write_text(text)
    (folder / "by_hand_key.json").write_text("{")
    assert "is damaged" in course("report", NAME).output and path.read_text() == text


def test_a_changed_answer_and_a_second_row_are_told(world):
    folder, course = world
    prepare(course)
    fill(folder, {("ben", "q1_answer"): ("3", "")})
    path = folder.parents[1] / "class" / "ben" / NAME / f"{NAME}.ipynb"
    path.write_text(json.dumps(answered("Other words.")))
    assert "has points for an answer that was changed since." in prepare(course)
    (row,) = (row for row in rows(folder) if row["points"])
    with (folder / "by_hand" / "by_hand.csv").open("a") as file:
        file.write(f"{row['code']},q1_answer,4,5,\n")
    assert "there are two rows" in course("report", NAME).output


def test_the_gradebook_takes_them_as_given_by_hand(world):
    api = pytest.importorskip("nbgrader.api", reason="nbgrader is not installed")
    folder, course = world
    prepare(course)
    fill(folder, {("ana", "q1_answer"): ("4", "")})
    for _ in range(2):
        done = course("export", NAME)
        assert done.exit_code == 0, done.output
    with api.Gradebook("sqlite:///gradebook.db") as book:
        assert book.find_submission(NAME, "ana").score == 24
        grade = book.find_grade("q1_answer", NAME, NAME, "ana")
        assert (grade.auto_score, grade.manual_score) == (None, 4)
        other = book.find_grade("q1_answer", NAME, NAME, "ben")
        assert other.manual_score is None and other.needs_manual_grade


def test_an_assignment_without_answers_in_words_says_so(world):
    _, course = world
    done = course("by-hand", "a1_toy_diffusion", "class", "--solutions", SOLUTIONS)
    assert done.exit_code == 2 and "asks for nothing that a person reads" in done.output
