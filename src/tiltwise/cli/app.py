"""The application: every module of `cli.commands` is a command, or a group of them, of its name."""

import importlib
from importlib.resources import files

import typer

from tiltwise.report.components.disclaimer import NOTICE

FIRST = ("claims", "run", "recipes", "new", "doctor")
"""Commands that the help page lists before the others."""

app = typer.Typer(
    name="tiltwise",
    help="An honest laboratory and trading desk for sector and factor ETF strategies.",
    epilog=NOTICE,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


def names() -> list[str]:
    """Return the names of the commands: files of `cli.commands`, in the order of the help page."""
    folder = files("tiltwise.cli.commands")
    modules = {p.name.removesuffix(".py") for p in folder.iterdir() if p.name.endswith(".py")}
    return [*FIRST, *sorted(modules - {*FIRST, "__init__"})]


for name in names():
    command = vars(importlib.import_module(f"tiltwise.cli.commands.{name}"))[name]
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=name)
    else:
        app.command()(command)
