"""The commands, in the order of the help page; each stands in a module of its name."""

import typer

from tiltwise.cli import stores
from tiltwise.cli.commands.audit import audit
from tiltwise.cli.commands.claims import claims
from tiltwise.cli.commands.compare import compare
from tiltwise.cli.commands.doctor import doctor
from tiltwise.cli.commands.new import new
from tiltwise.cli.commands.null import null
from tiltwise.cli.commands.recipes import recipes
from tiltwise.cli.commands.replicate import replicate
from tiltwise.cli.commands.report import report
from tiltwise.cli.commands.risks import risks
from tiltwise.cli.commands.run import run
from tiltwise.cli.commands.sweep import sweep
from tiltwise.cli.commands.systems import systems
from tiltwise.cli.commands.tune import tune
from tiltwise.cli.export import export
from tiltwise.report.components.disclaimer import NOTICE

app = typer.Typer(
    name="tiltwise",
    help="An honest laboratory and trading desk for sector and factor ETF strategies.",
    epilog=NOTICE,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

for command in (
    claims,
    run,
    recipes,
    new,
    doctor,
    replicate,
    risks,
    systems,
    audit,
    sweep,
    tune,
    compare,
    report,
    null,
):
    app.command()(command)
app.add_typer(stores.data, name="data")
app.add_typer(stores.ledger, name="ledger")
app.add_typer(stores.vault, name="vault")
app.add_typer(export, name="export")
