"""The command line, ``course``: train a model, sample from it, judge the samples; grade a class.

`train`, `sample`, `grade` and `export` hold the commands; `errors` is how each says that it cannot
go on.
"""

import typer

from course_lib.cli import export, grade, sample, train

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Train small diffusion models on two CPU cores, sample from them, and judge the samples.",
)
for part in (train, sample, grade, export):
    app.add_typer(part.app)
