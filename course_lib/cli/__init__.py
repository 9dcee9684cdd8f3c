"""The command line, ``course``: train a model, sample from it, judge the samples; grade a class.

`train`, `sample`, `grade`, `export` and `review` hold the commands; `bits` counts what digits
cost, `errors` is how each says that it cannot go on, and `outputs` looks whether what it makes can
be written.
"""

import sys

import typer

from course_lib.cli import export, grade, review, sample, train


class CommandLine(typer.Typer):
    """A command line that puts "?" for a sign which its output lacks, rather than stop."""

    def __call__(self, *args: object, **options: object) -> object:
        """Run the command that the arguments name, by default those of the process."""
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):  # a stream in memory has none, and needs none
                stream.reconfigure(errors="replace")
        return super().__call__(*args, **options)


app = CommandLine(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Train small diffusion models on two CPU cores, sample from them, and judge the samples.",
)
for part in (train, sample, grade, export, review):
    app.add_typer(part.app)
