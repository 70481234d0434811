"""What stands behind one result: the sweeps of doubt and the simple rules, as one record.

Every finished backtest is put through the same questions, and the answers follow from the run and
the seed alone, so they are stored with it. Delays, fills and costs are tried on the decisions that
the run recorded; only a later start asks the strategy anew. Nothing is chosen from the answers, so
none of them is a trial.
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
from tiltwise.research.robustness.baselines import PAIRED, rivals, table
from tiltwise.research.robustness.placebo import Placebo, rotation_placebo
from tiltwise.research.robustness.replay import Point, Replay, measured
from tiltwise.research.robustness.sensitivity import CostCurve, Curve, costs, delays, fills, starts

STARTS = (0, 1, 2, 5, 10, 15, 20)
ROTATIONS = 199
"""With so many, the smallest p-value is half a per cent."""
MOST_ASKED = 3000
"""Decisions beyond which a strategy that answers one by one is not asked again for later starts."""


@dataclasses.dataclass(frozen=True, eq=False)
class Robustness:
    """The answers for one run; a sweep that could not be made is None and `notes` say why.

    Attributes
    ----------
    own : the run as it was simulated.
    delay, cost, fill, start : Sharpe ratio when one assumption is moved.
    rotation : the same decisions at other times.
    against : frame (benchmark and simple rules x `PAIRED`), differences to the run.
    notes : what a reader must know.
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
        found = [point.sharpe for point in self.start.points]
        return max(found) - min(found)

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values; NaN is null and infinity a text."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        told = {name: _told(value) for name, value in values.items()}
        found: dict[str, Any] = plain(told, "evidence", empty=True)
        return found

    def to_bytes(self) -> bytes:
        """Return the JSON as the one line that is stored: equal evidence, equal bytes."""
        return canonical(self.to_json()).encode()

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Return what `to_json` told."""
        rotation, rows = told["rotation"], told["against"]
        names = pd.Index([row["against"] for row in rows], name="against", dtype=object)
        cells = [[row["since"], *(_real(row[c]) for c in PAIRED[1:])] for row in rows]
        return cls(
            own=told["own"] and _point(told["own"]),
            delay=_curve(Curve, told["delay"]),
            cost=_curve(CostCurve, told["cost"]),
            fill=_curve(Curve, told["fill"]),
            start=_curve(Curve, told["start"]),
            rotation=rotation and _placebo(rotation),
            against=pd.DataFrame(cells, index=names, columns=list(PAIRED)),
            notes=tuple(told["notes"]),
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Kept(Replay):
    """A finished backtest whose recorded decisions are filled otherwise, whatever they saw held."""

    @classmethod
    def from_result(cls, result: Backtest, market: Market) -> Self:
        """Return the replay of a backtest made on `market`, without running it again."""
        dates = result.simulated.tape.dates
        view = shown(result.strategy, market.asof(dates[-1]))
        first = int(view.dates.searchsorted(dates[0]))
        return cls(result.strategy, market, dates[0], dates[-1], view, first, result)

    @property
    def asks_anew(self) -> bool:
        """Whether a later start asks the strategy session by session."""
        return not super().reusable

    @property
    def reusable(self) -> bool:
        """Always: the decisions are those on record."""
        return True


def evidence(
    result: Backtest,
    market: Market,
    seed: int = 0,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Robustness:
    """Put a backtest through every question.

    Parameters
    ----------
    result : the run; the alternatives trade under its simulator but for what they move.
    market : what the run was made on.
    seed : of intervals and rotations.
    jobs : threads; the answers do not depend on it.
    progress : called with (answers had, all).
    """
    replay = Kept.from_result(result, market)
    sweeps: dict[str, Callable[[], Any]] = {
        "own": lambda: _own(replay, seed),
        "delay": lambda: delays(replay, seed=seed),
        "cost": lambda: costs(replay, seed=seed),
        "fill": lambda: fills(replay, seed=seed),
        "start": lambda: _starts(replay, seed),
        "rotation": lambda: rotation_placebo(replay, ROTATIONS, seed),
    }
    held = market.select(tuple(result.weights.columns))
    others = rivals(result.returns, held, result.simulator, seed)
    moved = {} if result.ruined else sweeps
    answers, trouble = _ask({**moved, **others}, jobs, progress)
    given = {name: answers.pop(name, None) for name in sweeps}
    notes = (*_standing(replay), *trouble)
    return Robustness(**given, against=table(answers), notes=notes)


def rules_only(
    returns: pd.Series, market: Market, simulator: Simulator, why: str, seed: int = 0
) -> Robustness:
    """Set returns that no simulator made beside the simple rules; `why` goes to the notes.

    `market` shows the assets they were made with and a session before the first of them.
    """
    answers, trouble = _ask(rivals(returns, market, simulator, seed))
    none = dict.fromkeys(("own", "delay", "cost", "fill", "start", "rotation"))
    return Robustness(**none, against=table(answers), notes=(why, *trouble))


def _ask(
    asked: Mapping[str, Callable[[], Any]],
    jobs: int | None = None,
    progress: Progress | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """Return every answer, None where there is none, and why there is none."""
    answers, trouble = dict[str, Any](), dict[str, list[str]]()
    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        for name, (answer, fault) in zip(asked, pool.map(_answered, asked.values()), strict=True):
            answers[name] = answer
            if fault:
                trouble.setdefault(fault, []).append(name)
            if progress:
                progress(len(answers), len(asked))
    return answers, [f"left out, {', '.join(names)}: {why}" for why, names in trouble.items()]


def _answered(ask: Callable[[], Any]) -> tuple[Any, str]:
    """Return an answer, or None and why there is none."""
    try:
        return ask(), ""
    except TiltwiseError as error:
        return None, str(error)


def _standing(replay: Kept) -> list[str]:
    """Return what holds for all sweeps of this run."""
    if replay.result.ruined is not None:
        return ["the run was ruined: no assumption was moved"]
    if not replay.asks_anew:
        return []
    return [
        "the strategy may look at what it holds: delays, fills and costs were tried on the "
        "decisions it made in this run, it was not asked again"
    ]


def _own(replay: Kept, seed: int) -> Point:
    simulator = replay.result.simulator
    nav, traded, first = replay.under(simulator)
    tainted = simulator.allow_lookahead
    delay = float(replay.result.delay)
    return measured("as run", delay, nav, traded, first, seed, tainted=tainted)


def _starts(replay: Kept, seed: int) -> Curve:
    decisions = len(replay.result.weights) * len(STARTS)
    if replay.asks_anew and decisions > MOST_ASKED:
        raise StrategyError(
            f"the strategy answers one session at a time and would be asked {decisions} times; a "
            f"decide_many would make it quick (the limit is {MOST_ASKED})"
        )
    return starts(replay, STARTS, seed=seed)


def _told(value: Any) -> Any:
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


def _point(told: Mapping[str, Any]) -> Point:
    kept = ("label", "tainted")
    values: dict[str, Any] = {k: v if k in kept else _real(v) for k, v in told.items()}
    return Point(**values)


def _curve(kind: type[Any], told: Mapping[str, Any] | None) -> Any:
    if not told:
        return None
    points, notes = tuple(map(_point, told["points"])), tuple(told["notes"])
    return kind(**{**told, "points": points, "notes": notes})


def _placebo(told: Mapping[str, Any]) -> Placebo:
    import numpy as np

    shifts = np.array(told["shifts"], dtype=np.int64)
    rotated = np.array([_real(v) for v in told["rotated"]])
    return Placebo(_real(told["real"]), shifts, rotated, int(told["spacing"]))
