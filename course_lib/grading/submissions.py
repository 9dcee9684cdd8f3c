"""A class's notebooks as text: found and read as for grading, and nothing in them is run."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from course_lib.grading import arrivals, grade, sandbox
from course_lib.grading.files import Unreadable, shown
from course_lib.grading.platforms import label, spelled


@dataclass(frozen=True)
class Handed:
    """A notebook as it was handed in.

    student  the folder's name, or the platform's number
    called   the student's name, as the platform writes it; empty if it writes none
    """

    student: str
    called: str
    data: bytes

    @property
    def who(self) -> str:
        """How a page names the student."""
        return shown(f"{self.called} ({self.student})" if self.called else self.student)


def handed_in(submitted: Path, name: str, solutions: Path, told: list[str]) -> Iterator[Handed]:
    """Yield the notebooks of a class, one at a time, in the order of the students' names.

    submitted  the class's folder, or a platform's download
    name       of the assignment
    told       where a sentence is added about whatever could not be read
    Raises     OSError if the folder itself cannot be read
    """
    present, about = arrivals.students(submitted)
    told += about
    for one in present:
        first, *rest = one.places
        job = grade.Job(one.student, name, solutions, first, sandbox.bubblewrap, also=tuple(rest))
        known = label(spelled(first.name), first.is_dir())
        try:
            found = job.find()
        except Unreadable as reason:
            told.append(f"{shown(one.student)}: {reason.finding}")
        except Exception as error:  # nobody's file may cost the others their place
            told.append(f"{shown(one.student)} cannot be read: {error!r:.200}")
        else:
            yield Handed(one.student, known.name if known else "", found.data)
