"""Risk measures of a run that need the market, stored with the run.

The rest of the register (`research.risk.register`) follows from the recorded run. A part that could
not be measured is None, and `missing` gives the reason. Style exposure is a file of its own, since
statsmodels may be absent and equal runs must give equal files.
"""

import dataclasses
import json
import typing
from collections.abc import Callable, Mapping
from typing import Any, Self

import pandas as pd

from tiltwise.errors import MissingData, TiltwiseError
from tiltwise.evaluate.risk.exposure import (
    Account,
    Concentration,
    Liquidity,
    concentration,
    liquidity,
)
from tiltwise.evaluate.risk.factor_exposure import NUMBERS, Style, style, style_factors
from tiltwise.evaluate.risk.leverage import Leverage, leverage
from tiltwise.evaluate.risk.stress import Stress, by_month, stress_correlation
from tiltwise.features.market_states import trend_state
from tiltwise.kernels.path_metrics import wealth
from tiltwise.ledger.run import canonical, plain
from tiltwise.market.market import Market
from tiltwise.market.quality import quality
from tiltwise.research.robustness.replay import sharpe_interval

RISKS, STYLE = "risks.json", "style.json"
MOST_ASSETS = 30
"""Assets whose correlation is measured: those held most, so that pairs stay few."""
CAPITAL = 1e6
"""Capital of an account in units of one, for comparison with dollar volumes."""
FEWEST = 20
"""Sessions below which a state of the market has no Sharpe ratio."""
SPELLS: Mapping[str, tuple[str, str]] = {
    "financial crisis": ("2007-10-09", "2009-03-09"),
    "pandemic": ("2020-02-19", "2020-03-23"),
    "rise of interest rates": ("2022-01-03", "2022-10-12"),
}
"""Closes from which and to which the S&P 500 fell, in the three worst spells since 2005."""
DIGITS = 9
"""Significant digits of what a linear algebra library computed: its last bits differ by machine."""


@dataclasses.dataclass(frozen=True)
class State:
    """Sharpe ratio of a run on sessions after one market state, with its 90 % interval."""

    name: str
    sessions: int
    sharpe: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Spell:
    """Returns of a run and its benchmark over a historical drawdown."""

    name: str
    begin: str
    end: str
    own: float
    market: float


@dataclasses.dataclass(frozen=True)
class Listing:
    """Survivorship of the list of assets and quality of their prices.

    Attributes
    ----------
    assets, held : how many could be held, and were.
    left : those whose prices stop before the end: a list without survivorship bias has some.
    late : those whose prices begin after the run does.
    errors, warnings : findings in the prices of the assets held, up to the end of the run.
    kinds : "stale_run 3, gap 1".
    """

    assets: int
    held: int
    left: tuple[str, ...]
    late: tuple[str, ...]
    errors: int
    warnings: int
    kinds: str


@dataclasses.dataclass(frozen=True, eq=False)
class Measures:
    """Risk measures of a run on its market.

    Attributes
    ----------
    leverage, concentration, liquidity, listing : see their classes.
    by_session, by_month : correlation in the worst months, of daily and of monthly returns.
    states : the run in bull and in bear markets.
    spells : the worst spells of history that the run lived through.
    style : what the run owes to styles.
    missing : why a part is None, by its name.
    """

    leverage: Leverage | None
    concentration: Concentration | None
    liquidity: Liquidity | None
    listing: Listing
    by_session: Stress | None
    by_month: Stress | None
    states: tuple[State, ...]
    spells: tuple[Spell, ...]
    style: Style | None
    missing: Mapping[str, str]

    def files(self) -> dict[str, bytes]:
        """Return the stored files by name."""
        parts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        parts = {name: _as_json(part) for name, part in parts.items() if name != "style"}
        files = {RISKS: canonical(plain(parts, RISKS, empty=True)).encode()}
        if self.style is not None:
            files[STYLE] = canonical(plain(_style_json(self.style), STYLE, empty=True)).encode()
        return files

    @classmethod
    def restore(cls, files: Mapping[str, bytes]) -> Self | None:
        """Return the measures from stored `files`; None where a run was recorded without."""
        if RISKS not in files:
            return None
        stored = json.loads(files[RISKS])
        single = {
            "leverage": Leverage,
            "concentration": Concentration,
            "liquidity": Liquidity,
            "listing": Listing,
            "by_session": Stress,
            "by_month": Stress,
        }
        parts: dict[str, Any] = {name: _read(kind, stored[name]) for name, kind in single.items()}
        parts |= {
            "states": tuple(_read(State, row) for row in stored["states"]),
            "spells": tuple(_read(Spell, row) for row in stored["spells"]),
            "style": _style_read(json.loads(files[STYLE])) if STYLE in files else None,
        }
        return cls(**parts, missing=stored["missing"])


class Recorded(Account, typing.Protocol):
    """Protocol of a run: an account, its decisions and its benchmark."""

    @property
    def weights(self) -> pd.DataFrame:
        """Targets by decision session."""

    @property
    def benchmark_returns(self) -> pd.Series | None:
        """Returns of the benchmark on the sessions of `returns`."""


def measures(
    result: Recorded, market: Market, seed: int = 0, capital: float | None = None
) -> Measures:
    """Return the risk measures of a run on its market.

    Parameters
    ----------
    result : a `Backtest`, or a source's own account.
    market : of the run; rows after the run's end are ignored.
    seed : of the intervals.
    capital : money at the start; the first net asset value if None.
    """
    seen = market.asof(result.nav.index[-1])
    money = float(result.nav.iloc[0]) if capital is None else capital
    tasks: dict[str, Callable[[], Any]] = {
        "leverage": lambda: leverage(result, seen),
        "concentration": lambda: concentration(result),
        "liquidity": lambda: liquidity(result, seen, money),
        "by_session": lambda: stress_correlation(*_held_most(result, seen), seed=seed),
        "by_month": lambda: stress_correlation(*_in_months(result, seen), seed=seed),
        "states": lambda: _states(result, seen, seed),
        "style": lambda: style(result.returns, style_factors(seen)),
    }
    parts, missing = dict[str, Any](), dict[str, str]()
    for name, ask in tasks.items():
        try:
            parts[name] = ask()
        except TiltwiseError as error:
            parts[name] = () if name == "states" else None
            # Whether factors or statsmodels are there must not change a run's files.
            if name != "style" or not isinstance(error, MissingData):
                missing[name] = str(error)
    return Measures(
        **parts, listing=_listing(result, seen), spells=_spells(result), missing=missing
    )


def _held_most(result: Recorded, market: Market) -> tuple[pd.DataFrame, pd.Series | None]:
    """Return returns of the assets with the largest mean weight, and of the benchmark."""
    share = result.held.abs().mean().sort_values(ascending=False, kind="stable")
    names = tuple(map(str, share.index[share.to_numpy() > 0.0][:MOST_ASSETS]))
    if len(names) < 2:
        raise MissingData(f"{len(names)} assets were held; a correlation needs two")
    moved = market.select(names).returns()[list(names)].reindex(result.returns.index)
    return moved, result.benchmark_returns


def _in_months(result: Recorded, market: Market) -> tuple[pd.DataFrame, pd.Series | None]:
    """Return the same returns by month."""
    moved, base = _held_most(result, market)
    whole = moved.loc[:, moved.notna().all()]
    return by_month(whole), None if base is None else by_month(base.to_frame())[base.name]


def _states(result: Recorded, market: Market, seed: int) -> tuple[State, ...]:
    """Return Sharpe ratios by the market trend at the previous close."""
    if market.benchmark is None:
        raise MissingData("no benchmark says when the market rose or fell: name one")
    trend = market.feature(trend_state).shift(1).reindex(result.returns.index)
    states = []
    for name in ("bull", "bear"):
        values = result.returns[(trend == name).to_numpy()].to_numpy(dtype=float)
        numbers = (float("nan"),) * 3
        if len(values) >= FEWEST and values.std() > 0.0:
            numbers = sharpe_interval(values, seed)
        states.append(State(name, len(values), *numbers))
    return tuple(states)


def _spells(result: Recorded) -> tuple[Spell, ...]:
    """Return the historical drawdowns that lie within the run."""
    own, other = result.returns, result.benchmark_returns
    spells = []
    for name, (begin, end) in SPELLS.items():
        inside = (own.index > pd.Timestamp(begin)) & (own.index <= pd.Timestamp(end))
        whole = result.nav.index[0] <= pd.Timestamp(begin)
        lived = own.index[-1] >= pd.Timestamp(end) or result.ruined is not None
        if whole and lived and inside.any():
            base = float("nan") if other is None else _grown(other[inside])
            until = f"{own.index[inside][-1]:%Y-%m-%d}"  # ruin ends it earlier
            spells.append(Spell(name, begin, until, _grown(own[inside]), base))
    return tuple(spells)


def _grown(returns: pd.Series) -> float:
    return float(wealth(returns.to_numpy(dtype=float))[-1] - 1.0)


def _listing(result: Recorded, market: Market) -> Listing:
    """Return survivorship and price quality of the assets held."""
    names = tuple(map(str, result.weights.columns))
    whole = market.select(names)
    first = {n: whole.prices[n].first_valid_index() for n in names}
    began = result.nav.index[0]
    held = result.held.fillna(0.0).ne(0.0).any()
    live = tuple(map(str, held.index[held.to_numpy()]))
    findings = quality(market.select(live)).findings if live else ()
    worrying = [f for f in findings if f.severity != "info" and f.asset in (None, *live)]
    kinds = pd.Series([f.kind for f in worrying], dtype=object).value_counts(sort=False)
    alive = whole.alive
    return Listing(
        assets=len(names),
        held=len(live),
        left=tuple(n for n in names if not alive[n]),
        late=tuple(n for n in names if first[n] is None or first[n] > began),
        errors=sum(f.severity == "error" for f in worrying),
        warnings=sum(f.severity == "warning" for f in worrying),
        kinds=", ".join(f"{kind} {count}" for kind, count in kinds.items()),
    )


def _as_json(part: Any) -> Any:
    """Return a part as JSON values."""
    if isinstance(part, tuple):
        return [_as_json(row) for row in part]
    return dataclasses.asdict(part) if dataclasses.is_dataclass(part) else part  # type: ignore[arg-type]


def _read(kind: type[Any], stored: Mapping[str, Any] | None) -> Any:
    """Return a stored part: lists become tuples, null becomes NaN in float fields."""
    if stored is None:
        return None
    values: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in stored.items()}
    for field in dataclasses.fields(kind):
        if field.type in (float, "float"):
            value = values[field.name]
            values[field.name] = float("nan") if value is None else float(value)
    return kind(**values)


def _style_json(exposure: Style) -> dict[str, Any]:
    fields = {f.name: getattr(exposure, f.name) for f in dataclasses.fields(exposure)}
    rows = exposure.table.reset_index().to_dict("records")
    fields["table"] = [{str(k): _rounded(v) for k, v in row.items()} for row in rows]
    return {**fields, "r2": _rounded(exposure.r2)}


def _style_read(stored: Mapping[str, Any]) -> Style:
    table = pd.DataFrame(stored["table"]).set_index("factor").astype(float)
    return Style(**{**stored, "table": table[list(NUMBERS)]})


def _rounded(value: Any) -> Any:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
