"""What of a run's risks can only be measured with the market at hand, as it is stored with it.

The rest of the register (`research.risk.register`) follows from what a run has on record anyway.
A part that could not be measured is None, and `missing` says why. Loadings on styles are a file of
their own, since statsmodels may be absent and equal runs must leave equal files.
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
"""Of an account in units of one, where trades are set beside dollar volumes."""
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
    """A run after closes at which the market was in one state, with its 90 % interval."""

    name: str
    sessions: int
    sharpe: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Spell:
    """What a run and its benchmark returned over a spell of history that it lived through."""

    name: str
    begin: str
    end: str
    own: float
    market: float


@dataclasses.dataclass(frozen=True)
class Listing:
    """The list of assets and the quality of their prices.

    Attributes
    ----------
    assets, held : how many could be held, and were.
    left : those whose prices stop before the end: a list made without hindsight has some.
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
    """Risks of a run that were measured on its market.

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
        """Return what is stored with the run."""
        parts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        parts = {name: _told(part) for name, part in parts.items() if name != "style"}
        found = {RISKS: canonical(plain(parts, RISKS, empty=True)).encode()}
        if self.style is not None:
            found[STYLE] = canonical(plain(_style_told(self.style), STYLE, empty=True)).encode()
        return found

    @classmethod
    def restore(cls, files: Mapping[str, bytes]) -> Self | None:
        """Return what `files` stored; None where a run was recorded without."""
        if RISKS not in files:
            return None
        told = json.loads(files[RISKS])
        single = {
            "leverage": Leverage,
            "concentration": Concentration,
            "liquidity": Liquidity,
            "listing": Listing,
            "by_session": Stress,
            "by_month": Stress,
        }
        parts: dict[str, Any] = {name: _read(kind, told[name]) for name, kind in single.items()}
        parts |= {
            "states": tuple(_read(State, row) for row in told["states"]),
            "spells": tuple(_read(Spell, row) for row in told["spells"]),
            "style": _style_read(json.loads(files[STYLE])) if STYLE in files else None,
        }
        return cls(**parts, missing=told["missing"])


class Recorded(Account, typing.Protocol):
    """What is read of a run: an account, its decisions and its benchmark."""

    @property
    def weights(self) -> pd.DataFrame:
        """Targets by decision session."""

    @property
    def benchmark_returns(self) -> pd.Series | None:
        """Returns of the benchmark on the sessions of `returns`."""


def measures(
    result: Recorded, market: Market, seed: int = 0, capital: float | None = None
) -> Measures:
    """Measure the risks of a run on the market it was made on.

    Parameters
    ----------
    result : a `Backtest`, or a source's own account.
    market : what it was made on; rows after the run's end are not looked at.
    seed : of the intervals.
    capital : money at the start; the first net asset value if None.
    """
    seen = market.asof(result.nav.index[-1])
    money = float(result.nav.iloc[0]) if capital is None else capital
    asked: dict[str, Callable[[], Any]] = {
        "leverage": lambda: leverage(result, seen),
        "concentration": lambda: concentration(result),
        "liquidity": lambda: liquidity(result, seen, money),
        "by_session": lambda: stress_correlation(*_held_most(result, seen), seed=seed),
        "by_month": lambda: stress_correlation(*_in_months(result, seen), seed=seed),
        "states": lambda: _states(result, seen, seed),
        "style": lambda: style(result.returns, style_factors(seen)),
    }
    parts, missing = dict[str, Any](), dict[str, str]()
    for name, ask in asked.items():
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
    """Return the returns of the assets held most, and the benchmark's, by session of the run."""
    share = result.held.abs().mean().sort_values(ascending=False, kind="stable")
    names = tuple(map(str, share.index[share.to_numpy() > 0.0][:MOST_ASSETS]))
    if len(names) < 2:
        raise MissingData(f"{len(names)} assets were held; a correlation needs two")
    moved = market.select(names).returns()[list(names)].reindex(result.returns.index)
    return moved, result.benchmark_returns


def _in_months(result: Recorded, market: Market) -> tuple[pd.DataFrame, pd.Series | None]:
    """Return the same by month."""
    moved, base = _held_most(result, market)
    whole = moved.loc[:, moved.notna().all()]
    return by_month(whole), None if base is None else by_month(base.to_frame())[base.name]


def _states(result: Recorded, market: Market, seed: int) -> tuple[State, ...]:
    """Return the run by the trend that the market was in at the close before."""
    if market.benchmark is None:
        raise MissingData("no benchmark says when the market rose or fell: name one")
    trend = market.feature(trend_state).shift(1).reindex(result.returns.index)
    found = []
    for name in ("bull", "bear"):
        values = result.returns[(trend == name).to_numpy()].to_numpy(dtype=float)
        numbers = (float("nan"),) * 3
        if len(values) >= FEWEST and values.std() > 0.0:
            numbers = sharpe_interval(values, seed)
        found.append(State(name, len(values), *numbers))
    return tuple(found)


def _spells(result: Recorded) -> tuple[Spell, ...]:
    """Return the worst spells of history that lie within the run."""
    own, other = result.returns, result.benchmark_returns
    found = []
    for name, (begin, end) in SPELLS.items():
        inside = (own.index > pd.Timestamp(begin)) & (own.index <= pd.Timestamp(end))
        whole = result.nav.index[0] <= pd.Timestamp(begin)
        lived = own.index[-1] >= pd.Timestamp(end) or result.ruined is not None
        if whole and lived and inside.any():
            base = float("nan") if other is None else _grown(other[inside])
            until = f"{own.index[inside][-1]:%Y-%m-%d}"  # ruin ends it earlier
            found.append(Spell(name, begin, until, _grown(own[inside]), base))
    return tuple(found)


def _grown(returns: pd.Series) -> float:
    return float(wealth(returns.to_numpy(dtype=float))[-1] - 1.0)


def _listing(result: Recorded, market: Market) -> Listing:
    """Look at the list of assets and at the prices of those that were held."""
    names = tuple(map(str, result.weights.columns))
    whole = market.select(names)
    first = {n: whole.prices[n].first_valid_index() for n in names}
    began = result.nav.index[0]
    held = result.held.fillna(0.0).ne(0.0).any()
    live = tuple(map(str, held.index[held.to_numpy()]))
    found = quality(market.select(live)).findings if live else ()
    worrying = [f for f in found if f.severity != "info" and f.asset in (None, *live)]
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


def _told(part: Any) -> Any:
    """Return a part as what JSON can hold."""
    if isinstance(part, tuple):
        return [_told(row) for row in part]
    return dataclasses.asdict(part) if dataclasses.is_dataclass(part) else part  # type: ignore[arg-type]


def _read(kind: type[Any], told: Mapping[str, Any] | None) -> Any:
    """Return a stored part: lists are tuples, null is NaN but for what may be None."""
    if told is None:
        return None
    values: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in told.items()}
    for field in dataclasses.fields(kind):
        if field.type in (float, "float"):
            value = values[field.name]
            values[field.name] = float("nan") if value is None else float(value)
    return kind(**values)


def _style_told(found: Style) -> dict[str, Any]:
    fields = {f.name: getattr(found, f.name) for f in dataclasses.fields(found)}
    rows = found.table.reset_index().to_dict("records")
    fields["table"] = [{str(k): _rounded(v) for k, v in row.items()} for row in rows]
    return {**fields, "r2": _rounded(found.r2)}


def _style_read(told: Mapping[str, Any]) -> Style:
    table = pd.DataFrame(told["table"]).set_index("factor").astype(float)
    return Style(**{**told, "table": table[list(NUMBERS)]})


def _rounded(value: Any) -> Any:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
