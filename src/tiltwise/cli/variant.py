"""``tiltwise run --variant``: a system as its source wrote it, as its text says, or corrected."""

import dataclasses
from typing import Any

from tiltwise.backtest.costs import Costs
from tiltwise.backtest.simulator import Simulator
from tiltwise.claims import card as cards
from tiltwise.claims.as_written.account import AsWritten
from tiltwise.claims.lab import in_its_words, run_as_written
from tiltwise.claims.variants import variants
from tiltwise.cli import inputs, run, show
from tiltwise.cli.exits import UsageError
from tiltwise.evaluate.metrics import summary
from tiltwise.evaluate.record import run_of
from tiltwise.evaluate.selection import selection
from tiltwise.ledger import Ledger
from tiltwise.report import page

NUMBERS = ("delta", "noise")
ACCOUNT = Simulator("close", 1, Costs())
"""What an own account comes closest to; it is only printed."""


def execute(asked: run.Asked, variant: str, simulator: Simulator | None, quiet: bool) -> run.Done:
    """Run one variant of a system, record it and write its report.

    `simulator` is None unless fills, delay or costs were asked for.
    """
    known = variants(asked.recipe)
    if variant not in known:
        raise UsageError(f"--variant {variant}: {asked.recipe} has {', '.join(known)}")
    for option in ("universe", "start", "end"):
        if getattr(asked, option):
            raise UsageError(f"--{option} cannot be given with --variant: the claim card sets it")
    label = inputs.label(asked.data)
    with show.progress(f"{asked.recipe}, {variant}, on {label}", quiet):
        result: Any = known[variant](asked.market, simulator, **_fields(asked.settings))
        table = summary(result, seed=asked.seed)
        if isinstance(result, AsWritten):
            table = in_its_words(result, table)
    record = run_as_written if isinstance(result, AsWritten) else run_of
    made = record(result, table, data=label, seed=asked.seed, files=run.tables(result))
    ledger = Ledger(asked.folder)
    ledger.add(made)
    counted = selection(made, ledger)
    table.loc["dsr", "value"], table.loc["pbo", "value"] = counted.dsr, counted.pbo
    asked = dataclasses.replace(asked, simulator=getattr(result, "simulator", ACCOUNT))
    told = cards.read(asked.recipe).variants[variant]
    view = dataclasses.replace(
        run.view(asked, result, table, counted),
        title=f"{result.strategy.name}: {told.title.lower()}",
        subtitle=told.text,
    )
    report = run.write_page(asked, made, page.render(view))
    return run.Done(run.facts(asked, result, table, counted, made, report), table, result.notes)


def _fields(settings: tuple[str, ...]) -> dict[str, Any]:
    """Return ``--set key=value`` as fields of a configuration."""
    found: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(f"--set {setting}: write key=value")
        try:
            found[key] = float(text) if key in NUMBERS else text
        except ValueError:
            raise UsageError(f"--set {setting}: a number is needed") from None
    return found
