"""``tiltwise run --variant``: a system as its source wrote it, as its text says, or corrected."""

from typing import Any

from tiltwise.backtest.costs import Costs
from tiltwise.backtest.simulator import Simulator
from tiltwise.claims.engine import card as cards
from tiltwise.claims.engine.account import AsWritten
from tiltwise.claims.engine.data import study
from tiltwise.claims.engine.measure import in_its_words, run_as_written
from tiltwise.claims.engine.variants import variants
from tiltwise.cli import console, inputs, report, run
from tiltwise.cli.exit_codes import UsageError
from tiltwise.evaluate.metrics import summary
from tiltwise.evaluate.record import run_of
from tiltwise.research.risk.measures import CAPITAL, measures
from tiltwise.research.robustness.benchmarks import yardsticks
from tiltwise.research.robustness.robustness import evidence, rules_only

NUMBERS = ("delta", "noise")
RIVALS = Simulator("close", 1, Costs())  # the simple rules fill as the source does
ALONE = "the source's own account has no simulator: its delays, fills and costs cannot be moved"


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
    label, card = inputs.label(asked.data), cards.read(asked.recipe)
    with console.progress(f"{asked.recipe}, {variant}, on {label}", quiet):
        result: Any = known[variant](asked.market, simulator, **_fields(asked.settings))
        table = summary(result, seed=asked.seed)
    market = study(card, asked.market).market
    beside = None
    with console.progress("what stands behind it", quiet) as bar:
        if isinstance(result, AsWritten):
            table = in_its_words(result, table)
            found = rules_only(result.returns, market, RIVALS, ALONE, asked.seed)
        else:
            found = evidence(result, market, asked.seed, asked.jobs, bar)
            beside = yardsticks(result, market, asked.seed)
    told = card.variants[variant]
    title = f"{result.strategy.family}: {told.title.lower()}"
    files = report.stored(result, found, market.benchmark, title, told.text)
    files |= {} if beside is None else beside.files()
    capital = CAPITAL if isinstance(result, AsWritten) else None
    files |= measures(result, market, asked.seed, capital).files()
    record = run_as_written if isinstance(result, AsWritten) else run_of
    made = record(result, table, data=label, seed=asked.seed, files=files)
    return run.conclude(asked, result, made, found)


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
