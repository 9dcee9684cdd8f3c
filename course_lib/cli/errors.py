"""How a command says that it cannot go on."""

import typer


def fail(message: object) -> typer.Exit:
    """Print one sentence to the error stream and return the exit to raise."""
    typer.secho(f"Error: {message}", fg="red", err=True)
    return typer.Exit(2)
