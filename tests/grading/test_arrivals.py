"""Every way in which a submission arrives: read, or told in a sentence, and never an exception."""

import os
from datetime import datetime, timezone

import pytest
from audit import NAME, SOLUTIONS
from handed_in import BRIGHTSPACE, CASES, DATA, FILE, MOODLE, entry

from course_lib.grading import arrivals, files, grade, notebook, platforms, results
from course_lib.grading.results import Result


def job(submitted, student):
    """The job that `course grade` makes of a student."""
    (arrival,) = [one for one in arrivals.students(submitted)[0] if one.student == student]
    first, *also = arrival.places
    return grade.Job(student, NAME, SOLUTIONS, first, None, also=tuple(also))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_submission_is_read_as_it_arrives(case, tmp_path):
    case.write(tmp_path)
    assert [one.student for one in arrivals.students(tmp_path)[0]] == [case.student]
    handed = job(tmp_path, case.student)
    assert len(handed.key()) == 64
    master = SOLUTIONS / NAME / FILE
    try:
        found = handed.find()
        findings = list(found.findings)
        submission = notebook.read(found.data, master)
    except files.Unreadable as reason:
        assert (reason.status, case.says in reason.finding) == (case.status, True), reason.finding
        assert "\n" not in reason.finding
        return
    assert case.status == "graded"
    right = notebook.read(DATA, master)
    code = {cell.source.strip() for cell in submission.cells}
    assert not any("\r" in source for source in code)
    assert {cell.source.strip() for cell in right.cells} <= {
        "\n".join(line.rstrip() for line in source.split("\n")) for source in code
    }
    findings += submission.findings
    assert [case.says in finding for finding in findings].count(True) == bool(case.says), findings
    assert case.says or not findings


@pytest.mark.parametrize(
    "name",
    [".DS_Store", "._ana", "__MACOSX", "Thumbs.db", "desktop.ini", "~$ana.docx", "index.html"],
)
def test_leftovers_are_no_students(name, tmp_path):
    entry({f"{name}/x" if name == "__MACOSX" else name: b""})(tmp_path)
    assert arrivals.students(tmp_path) == ([], [])


@pytest.mark.parametrize("name", [FILE, "readme.txt", "class.zip", "ana.ipynb", "\udcff.ipynb"])
def test_what_is_nobodys_is_told_with_its_path(name, tmp_path):
    entry({os.fsdecode(name.encode("utf-8", "surrogateescape")): b"", f"ana/{FILE}": DATA})(
        tmp_path
    )
    (one,), (sentence,) = arrivals.students(tmp_path)
    assert one.student == "ana" and str(tmp_path)[-20:] in sentence and "left out" in sentence


def test_many_that_are_nobodys_are_a_few_sentences(tmp_path):
    entry({f"{i}.txt": b"" for i in range(100)})(tmp_path)
    _, told = arrivals.students(tmp_path)
    assert len(told) == 5 and "96 more" in told[-1]


def test_a_download_one_folder_too_deep_is_told(tmp_path):
    names = [f"class/leeann_{i}_67890_{FILE}" for i in range(2)]
    entry({**dict.fromkeys(names, DATA), f"ana/leeann_1_2_{FILE}": DATA})(tmp_path)
    found, (sentence,) = arrivals.students(tmp_path)
    assert [one.student for one in found] == ["ana", "class"]
    assert "class holds several students' files" in sentence


def test_a_link_to_another_student_is_not_followed(tmp_path):
    entry({f"ana/{FILE}": DATA, "ben/x": b""})(tmp_path)
    (tmp_path / "ben" / "homework").symlink_to(tmp_path / "ana")
    (tmp_path / "cem").symlink_to(tmp_path / "ana")
    for student, status in (("ben", "missing"), ("cem", "unreadable")):
        with pytest.raises(files.Unreadable) as reason:
            job(tmp_path, student).find()
        assert reason.value.status == status


def test_a_folder_that_cannot_be_read_is_unreadable(tmp_path, monkeypatch):
    entry({f"ana/{FILE}": DATA})(tmp_path)
    one = job(tmp_path, "ana")

    real = os.scandir

    def refused(path):
        if one.folder == path:
            raise PermissionError("mode 000")
        return real(path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(files.Unreadable, match="cannot be read"):
        one.find()
    assert len(one.key()) == 64


def test_an_archive_is_never_unpacked_to_the_disk(tmp_path):
    case = next(case for case in CASES if case.name == "a path out of a zip")
    case.write(tmp_path / "class")
    job(tmp_path / "class", "ana").find()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.zip", "ana", "class"]


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("2025-03-01 10:00:00.000000 UTC", 1740823200.0),
        ("2025-03-01 10:00:00.500000 UTC\n", 1740823200.5),
        ("2025-03-01 10:00:00 UTC", 1740823200.0),
        ("2025-03-01 10:00:00", 1740823200.0),
        ("2025-03-01 11:00:00.000000 +0100", 1740823200.0),
        ("2025-03-01T11:00:00+01:00", 1740823200.0),
        ("2025-03-01 11:00:00.000000 CET", 1740823200.0),
        ("", None),
        ("yesterday", None),
        ("2025-02-30 10:00:00.000000 UTC", None),
        ("2025-03-01 10:00:00.000000 XYZ", None),
        ("2025-03-01 10:00:00.000000 /etc/passwd", None),
    ],
)
def test_timestamp_of_nbgrader_counts_before_the_files_time(text, seconds, tmp_path):
    entry({f"ana/{NAME}/{FILE}": DATA, f"ana/{NAME}/timestamp.txt": text.encode()})(tmp_path)
    found = job(tmp_path, "ana").find()
    assert found.time == (10**9 if seconds is None else seconds)
    assert bool(found.findings) == (seconds is None)
    if seconds is not None:
        assert platforms.moment(text) == seconds


@pytest.mark.parametrize(
    "name, time",
    [
        (BRIGHTSPACE, datetime(2025, 10, 5, 23, 59)),
        ("1-2 - Lee - Ann - Sept 5, 2025 111 AM", datetime(2025, 9, 5, 1, 11)),
        ("1-2 - Ann - June 15, 2025 9 AM", datetime(2025, 6, 15, 9)),
        ("1-2 - Ann - 5 octobre, 2025 1159", None),
        (MOODLE, None),
    ],
)
def test_a_platforms_time_counts(name, time, tmp_path):
    entry({f"{name}/{FILE}": DATA})(tmp_path)
    (one,), _ = arrivals.students(tmp_path)
    found = job(tmp_path, one.student).find()
    assert found.time == (time.timestamp() if time else 10**9)


def test_names_of_result_files_are_safe_and_differ():
    names = ["ana", "Ana", "ANA", "con", "nul.x", "a.", "-dash", "=cmd", "José", "jose", "x" * 300]
    names += ["a/b", "a\\b", "..", "", " ", "M\\xfcller", "M\\xf6ller", "ana~1", "a\nb", "aux"]
    made = [results.file_name(name) for name in names]
    assert len({name.lower() for name in made}) == len(names)
    assert made[0] == "ana" and made[9] == "jose"
    for name in made:
        assert name.isascii() and 0 < len(name) < 100 and not set(name) & set('<>:"/\\|?*\n ')
        assert not name.endswith(".") and name.partition(".")[0] not in ("con", "nul", "aux")


def test_results_of_two_ids_that_look_alike_do_not_collide(tmp_path):
    ids = ["ana", "Ana", "M\\xfcller", "M\\xf6ller", "=cmd", "-cmd"]
    for student in ids:
        results.write(Result(student, NAME, "graded", []), tmp_path)
    assert [result.student for result in results.read_all(tmp_path)] == sorted(ids)
    assert all(results.read(tmp_path, student).student == student for student in ids)


def test_a_result_knows_its_platform(tmp_path):
    entry({f"{MOODLE}/x.txt": b""})(tmp_path)
    result = grade.grade_one(job(tmp_path, "12345"))
    assert (result.platform, result.called, result.status) == ("Moodle", "Lee Ann", "missing")
    assert result.source == str(tmp_path)


def test_utc_is_the_zone_of_nbgrader():
    assert datetime.fromtimestamp(1740823200, timezone.utc).hour == 10
