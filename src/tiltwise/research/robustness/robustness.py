"""Robustness checks of one backtest: sensitivity sweeps, rotation placebo and baselines.

The checks follow from the run and the seed alone and are stored with the run. Delays, fills and
costs are applied to the recorded decisions; only a later start asks the strategy for new ones.
Nothing is selected on the results, so none of them is a trial.
"""

import dataclasses
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import pandas as pd

from tiltwise.backtest.progress import Progress
from tiltwise.backtest.result import Backtest
from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import shown
from tiltwise.errors import StrategyError, TiltwiseError
from tiltwise.ledger.run import canonical, plain
from tiltwise.market.market import Market
from tiltwise.research.robustness.baselines import PAIRED, baseline_comparisons, table
from tiltwise.research.robustness.placebo import Placebo, rotation_placebo
from tiltwise.research.robustness.replay import Point, Replay, measured
from tiltwise.research.robustness.sensitivity import CostCurve, Curve, costs, delays, fills, starts

STARTS = (0, 1, 2, 5, 10, 15, 20)
ROTATIONS = 199
"""With so many, the smallest p-value is half a per cent."""
MAX_DECISIONS = 3000
"""Decisions beyond which a strategy without `decide_many` is not run for later starts."""


@dataclasses.dataclass(frozen=True, eq=False)
class Robustness:
    """Robustness checks of one run; a sweep that failed is None, and `notes` say why.

    Attributes
    ----------
    own : the run as it was simulated.
    delay, cost, fill, start : Sharpe ratio over the settings of one assumption.
    rotation : rotation placebo.
    against : frame (benchmark and simple rules x `PAIRED`), paired differences.
    notes : remarks, with the reason for each None.
    """

    own: Point | None
    delay: Curve | None
    cost: CostCurve | None
    fill: Curve | None
    start: Curve | None
    rotation: Placebo | None
    against: pd.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def start_spread(self) -> float | None:
        """Highest less lowest Sharpe ratio over the starts."""
        if self.start is None:
            return None
        sharpes = [point.sharpe for point in self.start.points]
        return max(sharpes) - min(sharpes)

    def to_json(self) -> dict[str, Any]:
        """Return all checks as JSON values; NaN is null and infinity a text."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        encoded = {name: _encoded(value) for name, value in values.items()}
        document: dict[str, Any] = plain(encoded, "evidence", empty=True)
        return document

    def to_bytes(self) -> bytes:
        """Return the stored line of JSON; equal checks give equal bytes."""
        return canonical(self.to_json()).encode()

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the checks from the values of `to_json`."""
        rotation, rows = stored["rotation"], stored["against"]
        names = pd.Index([row["against"] for row in rows], name="against", dtype=object)
        cells = [[row["since"], *(_real(row[c]) for c in PAIRED[1:])] for row in rows]
        return cls(
            own=stored["own"] and _point(stored["own"]),
            delay=_curve(Curve, stored["delay"]),
            cost=_curve(CostCurve, stored["cost"]),
            fill=_curve(Curve, stored["fill"]),
            start=_curve(Curve, stored["start"]),
            rotation=rotation and _placebo(rotation),
            against=pd.DataFrame(cells, index=names, columns=list(PAIRED)),
            notes=tuple(stored["notes"]),
        )


@dataclasses.dataclass(frozen=True, eq=False)
class RecordedReplay(Replay):
    """A replay that always reuses the recorded decisions, whatever they depended on."""

    @classmethod
    def from_result(cls, result: Backtest, market: Market) -> Self:
        """Return the replay of a finished backtest on `market`."""
        dates = result.simulated.tape.dates
        view = shown(result.strategy, market.asof(dates[-1]))
        first = int(view.dates.searchsorted(dates[0]))
        return cls(result.strategy, market, dates[0], dates[-1], view, first, result)

    @property
    def decides_by_session(self) -> bool:
        """Whether a later start needs a decision session by session."""
        return not super().reusable

    @property
    def reusable(self) -> bool:
        """True: the decisions are those on record."""
        return True


def check_robustness(
    result: Backtest,
    market: Market,
    seed: int = 0,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Robustness:
    """Run every robustness check of a backtest.

    Parameters
    ----------
    result : the run; the alternatives trade under its simulator but for what they move.
    market : of the run.
    seed : of intervals and rotations.
    jobs : threads; the results do not depend on it.
    progress : called with (checks done, all).
    """
    replay = RecordedReplay.from_result(result, market)
    sweeps: dict[str, Callable[[], Any]] = {
        "own": lambda: _own(replay, seed),
        "delay": lambda: delays(replay, seed=seed),
        "cost": lambda: costs(replay, seed=seed),
        "fill": lambda: fills(replay, seed=seed),
        "start": lambda: _starts(replay, seed),
        "rotation": lambda: rotation_placebo(replay, ROTATIONS, seed),
    }
    held = market.select(tuple(result.weights.columns))
    others = baseline_comparisons(result.returns, held, result.simulator, seed)
    moved = {} if result.ruined else sweeps
    answers, trouble = _run_checks({**moved, **others}, jobs, progress)
    given = {name: answers.pop(name, None) for name in sweeps}
    notes = (*_run_notes(replay), *trouble)
    return Robustness(**given, against=table(answers), notes=notes)


def rules_only(
    returns: pd.Series, market: Market, simulator: Simulator, why: str, seed: int = 0
) -> Robustness:
    """Compare returns that no simulator made with the baselines; `why` goes to the notes.

    `market` shows the assets they were made with and a session before the first of them.
    """
    answers, trouble = _run_checks(baseline_comparisons(returns, market, simulator, seed))
    none = dict.fromkeys(("own", "delay", "cost", "fill", "start", "rotation"))
    return Robustness(**none, against=table(answers), notes=(why, *trouble))


def _run_checks(
    checks: Mapping[str, Callable[[], Any]],
    jobs: int | None = None,
    progress: Progress | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """Return every result, None for those that failed, and the reasons."""
    answers, trouble = dict[str, Any](), dict[str, list[str]]()
    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        for name, (answer, fault) in zip(checks, pool.map(_attempt, checks.values()), strict=True):
            answers[name] = answer
            if fault:
                trouble.setdefault(fault, []).append(name)
            if progress:
                progress(len(answers), len(checks))
    return answers, [f"left out, {', '.join(names)}: {why}" for why, names in trouble.items()]


def _attempt(ask: Callable[[], Any]) -> tuple[Any, str]:
    """Return a result and no reason, or None and the reason."""
    try:
        return ask(), ""
    except TiltwiseError as error:
        return None, str(error)


def _run_notes(replay: RecordedReplay) -> list[str]:
    """Return the notes that hold for all sweeps of a run."""
    if replay.result.ruined is not None:
        return ["the run was ruined: no assumption was moved"]
    if not replay.decides_by_session:
        return []
    return [
        "the strategy may look at what it holds: delays, fills and costs were tried on the "
        "decisions it made in this run, it was not asked again"
    ]


def _own(replay: RecordedReplay, seed: int) -> Point:
    simulator = replay.result.simulator
    nav, traded, first = replay.under(simulator)
    tainted = simulator.allow_lookahead
    delay = float(replay.result.delay)
    return measured("as run", delay, nav, traded, first, seed, tainted=tainted)


def _starts(replay: RecordedReplay, seed: int) -> Curve:
    decisions = len(replay.result.weights) * len(STARTS)
    if replay.decides_by_session and decisions > MAX_DECISIONS:
        raise StrategyError(
            f"the strategy answers one session at a time and would be asked {decisions} times; a "
            f"decide_many would make it quick (the limit is {MAX_DECISIONS})"
        )
    return starts(replay, STARTS, seed=seed)


def _encoded(value: Any) -> Any:
    if isinstance(value, pd.DataFrame):
        return [{"against": k, **row} for k, row in value.to_dict("index").items()]
    if isinstance(value, Placebo):
        shifts, rotated = value.shifts.tolist(), value.rotated.tolist()
        return {**_fields(value), "shifts": shifts, "rotated": rotated}
    if isinstance(value, Curve):
        return {**_fields(value), "points": [dataclasses.asdict(p) for p in value.points]}
    return dataclasses.asdict(value) if isinstance(value, Point) else value


def _fields(value: Any) -> dict[str, Any]:
    return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}


def _real(value: Any) -> float:
    """Return a stored number: null is NaN, text an infinity."""
    return float("nan") if value is None else float(value)


def _point(stored: Mapping[str, Any]) -> Point:
    unchanged = ("label", "tainted")
    values: dict[str, Any] = {k: v if k in unchanged else _real(v) for k, v in stored.items()}
    return Point(**values)


def _curve(kind: type[Any], stored: Mapping[str, Any] | None) -> Any:
    if not stored:
        return None
    points, notes = tuple(map(_point, stored["points"])), tuple(stored["notes"])
    return kind(**{**stored, "points": points, "notes": notes})


def _placebo(stored: Mapping[str, Any]) -> Placebo:
    import numpy as np

    shifts = np.array(stored["shifts"], dtype=np.int64)
    rotated = np.array([_real(v) for v in stored["rotated"]])
    return Placebo(_real(stored["real"]), shifts, rotated, int(stored["spacing"]))
