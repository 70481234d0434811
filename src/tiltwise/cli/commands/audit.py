"""``tiltwise audit``: whether a recipe, a strategy or a function looks ahead."""

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tiltwise.cli import console
from tiltwise.cli.exit_codes import UsageError
from tiltwise.cli.groups import Companions, spelled_out
from tiltwise.cli.options import Config, Data, Json, Quiet, Seed, Settings, Universe

if TYPE_CHECKING:
    from tiltwise.lookahead import AuditReport
    from tiltwise.market.market import Market


@spelled_out
def audit(
    target: Annotated[str, typer.Argument(help="a recipe, or path/to/file.py:NAME")],
    *,
    data: Data = None,
    settings: Settings = None,
    universe: Universe = None,
    companions: Companions,
    rows: Annotated[
        str, typer.Option(help='row t of a frame is "decided" after t, or "held" in t')
    ] = "decided",
    start: Annotated[str | None, typer.Option(help="first session that may be cut")] = None,
    cuts: Annotated[
        int | None, typer.Option(min=1, help="how many; default: what the budget allows")
    ] = None,
    budget: Annotated[
        float, typer.Option(min=1, help="seconds for a function of whole panels")
    ] = 30.0,
    seed: Seed = 0,
    config: Config = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Prove that a strategy or a function does not look ahead; exit 4 if it does.

    Example: tiltwise audit residual_momentum --data sample:stocks
    """
    from tiltwise.cli import config as configuration

    where = configuration.read(config, data=data)
    report = examine(
        target,
        where.data,
        companions.market(where.data),
        settings=tuple(settings or ()),
        universe=universe,
        quiet=quiet,
        rows=rows,
        start=start,
        cuts=cuts,
        budget=budget,
        seed=seed,
    )
    if json:
        console.emit_json(report.to_json())
    else:
        print_report(report, target)
    if not report.passed:
        raise typer.Exit(4)


def examine(
    target: str,
    data: str,
    market: "Market",
    *,
    settings: tuple[str, ...] = (),
    universe: str | None = None,
    quiet: bool = False,
    **options: Any,
) -> "AuditReport":
    """Audit a recipe, or a strategy or function of a file, on a market.

    Parameters
    ----------
    target : a recipe, or ``path/to/file.py:NAME``; NAME is a strategy class, a strategy, or a
        function of prices or of a market.
    data, market : what was typed for ``--data``, and what was read.
    settings, universe : as for ``tiltwise run``; for strategies only.
    quiet : no progress.
    options : further arguments of `lookahead.auditor.audit`: rows, start, cuts, budget, seed.
    """
    from tiltwise.cli import inputs
    from tiltwise.lookahead import audit as run_audit

    subject = subject_of(target)
    if inspect.isclass(subject):
        names = inputs.universe(subject, data, market, universe)
        subject = inputs.strategy(subject, list(settings), universe=names)
    elif settings or universe:
        raise UsageError(f"--set and --universe are for strategy classes; {target} is none")
    with console.progress(f"audit of {target} on {inputs.label(data)}", quiet) as bar:
        return run_audit(subject, market, progress=bar, **options)


def subject_of(target: str) -> Any:
    """Return a strategy class, a strategy or a function by name.

    Raises
    ------
    MissingData
        No such recipe, file or name; the message lists what there is.
    StrategyError
        The file does not run.
    """
    from tiltwise import recipes
    from tiltwise.errors import MissingData

    if ".py" not in target:
        return recipes.load(target)
    text, _, name = target.partition(".py")
    name = name.lstrip(":")
    module = recipes.module(Path(f"{text}.py"))
    known = {
        k: v
        for k, v in vars(module).items()
        if not k.startswith("_") and _auditable(v, module.__name__)
    }
    if not name and len(known) == 1:
        return next(iter(known.values()))
    if name not in known:
        have = ", ".join(known) or "nothing to audit (a strategy, or a function of the market)"
        raise MissingData(f"{text}.py has no {name or 'single name'}: {have}; name one after :")
    return known[name]


def _auditable(value: Any, home: str) -> bool:
    """Whether a value is a strategy, or a strategy class or function that a module defines."""
    from tiltwise.strategy import Strategy

    if isinstance(value, Strategy):
        return True
    if inspect.isclass(value) and not (
        issubclass(value, Strategy) and not inspect.isabstract(value)
    ):
        return False
    return (inspect.isclass(value) or inspect.isfunction(value)) and value.__module__ == home


def print_report(report: "AuditReport", target: str) -> None:
    """Print findings, what was exercised and what was not, and the verdict."""
    for finding in report.findings:
        print(f"{finding.node} ({finding.kind}), from {finding.date:%Y-%m-%d} on")
        print(f"  {finding.detail}")
    print(f"exercised: {', '.join(report.nodes) or 'nothing'}")
    for text in report.skipped:
        print(f"not exercised: {text}")
    console.notes(report.notes)
    kinds = ", ".join(f"{why} {count}" for why, count in report.reasons.items())
    print(f"{report.cuts} cuts ({kinds}), {report.calls} calls, {report.seconds:.1f} s")
    if report.passed:
        print(f"{target}: no look-ahead seen in what was exercised")
    else:
        print(f"{target}: looks ahead or breaks its contract ({len(report.findings)} findings)")
