"""Records of a run of claim cards, ready for tables, pages and JSON."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import pandas as pd

from tiltwise.ledger import Run


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number and its 90 % interval; NaN where there is none."""

    value: float
    low: float = float("nan")
    high: float = float("nan")


@dataclasses.dataclass(frozen=True, eq=False)
class Evaluated:
    """One path that was run, measured and recorded.

    Attributes
    ----------
    run : as the ledger has it.
    returns : net simple returns by session.
    scored : what the Sharpe ratio is of: the same, or log returns where the source adds up logs.
    points : number by metric.
    complete : the same without the fold that the data cut; empty for a path of the simulator.
    gross : returns before costs; None for a source's own account.
    """

    run: Run
    returns: pd.Series
    scored: pd.Series
    points: Mapping[str, float]
    complete: Mapping[str, float] = dataclasses.field(default_factory=dict)
    gross: pd.Series | None = None


@dataclasses.dataclass(frozen=True)
class Step:
    """One bar of the waterfall: an id, what was changed in words, and the numbers after it."""

    id: str
    label: str
    text: str
    numbers: Mapping[str, Estimate]


@dataclasses.dataclass(frozen=True)
class Waterfall:
    """Numbers of a claim from the published to the corrected ones, fix by fix."""

    claim: str
    text: str
    variant: str
    steps: tuple[Step, ...]


@dataclasses.dataclass(frozen=True)
class GridCell:
    """One configuration of a grid: name, signal, numbers, and the claims that are about it."""

    label: str
    signal: str
    points: Mapping[str, float]
    claims: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Grid:
    """Every configuration that was evaluated beside the claimed one.

    Attributes
    ----------
    id, title : variant and its name; ``corrected`` for the corrected cells.
    cells : all of them.
    ceiling : annual Sharpe ratio expected of the best of so many cells without skill.
    """

    id: str
    title: str
    cells: tuple[GridCell, ...]
    ceiling: float


@dataclasses.dataclass(frozen=True)
class FoldRow:
    """One fold: ISO days, sessions of its test, and total returns in it by claim."""

    train: str
    test: str
    stop: str
    sessions: int
    complete: bool
    as_written: Mapping[str, float]
    corrected: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Row:
    """One claimed number against the evidence.

    Attributes
    ----------
    system, claim, text, place, variant, metric : which number, and where the source says it.
    skill : whether it claims a profit.
    claimed, as_written, corrected : the number published, reproduced and put right.
    complete_folds : `as_written` without the fold that the data cut.
    low, high : 90 % interval of `corrected`.
    dsr, trials : deflated Sharpe ratio of the corrected path and the trials counted behind it.
    gross_sharpe, net_sharpe : of the corrected path, before and after costs, whatever the metric.
    baselines : the same metric of simple rules over the same sessions.
    reproduced, survives : verdicts; None where the data cannot tell.
    verdict, reason : in words.
    """

    system: str
    claim: str
    text: str
    place: str
    variant: str
    metric: str
    skill: bool
    claimed: float
    as_written: float
    complete_folds: float
    corrected: float
    low: float
    high: float
    dsr: float
    trials: int
    gross_sharpe: float
    net_sharpe: float
    baselines: Mapping[str, float]
    reproduced: bool | None
    survives: bool | None
    verdict: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Measured:
    """Sharpe ratio and turnover of a configuration whose source names no data to test it on.

    Attributes
    ----------
    name : of the configuration.
    gross, net : annual Sharpe ratio before and after costs.
    one_way : mean one-way turnover a day.
    """

    name: str
    gross: Estimate
    net: Estimate
    one_way: float


@dataclasses.dataclass(frozen=True, eq=False)
class CardResult:
    """Results of a claim card: claimed numbers, waterfalls, grids, folds and baselines.

    Attributes
    ----------
    system, number, title, source : of the card.
    data, data_id : label and content id.
    substitutes : what stands in for the source's assets; empty where nothing does.
    period : first and last test session, ISO.
    years : of test sessions.
    rows, waterfalls, grids, folds : see their classes.
    baselines : estimates by name of the rule, then by metric.
    growth : value of one unit by session, by name.
    trials : distinct trials by family, as counted in the ledger.
    sweeps : Sharpe ratios under other costs and delays (full profile only).
    notes : what a reader must know.
    measured : what was measured instead, where the source gives no data.
    """

    system: str
    number: int
    title: str
    source: str
    data: str
    data_id: str
    substitutes: str
    period: tuple[str, str]
    years: float
    rows: tuple[Row, ...]
    waterfalls: tuple[Waterfall, ...]
    grids: tuple[Grid, ...]
    folds: tuple[FoldRow, ...]
    baselines: Mapping[str, Mapping[str, Estimate]]
    growth: Mapping[str, pd.Series]
    trials: Mapping[str, int]
    sweeps: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]
    measured: tuple[Measured, ...] = ()

    def record(self) -> dict[str, Any]:
        """Return plain dictionaries, lists and numbers; growth stays a series by name."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return value
