"""Subjects of an audit: protocol, and functions of a whole market or price table."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

from tiltwise.backtest.result import Backtest
from tiltwise.errors import StrategyError
from tiltwise.lookahead.nodes import Node, leaves, node
from tiltwise.market.market import Market
from tiltwise.strategy import Decisions, FromWeights, Strategy

Answer = dict[str, Node]
Takes = Literal["market", "prices"]
MOST_GROSS = 10.0  # a table with larger rows holds features, not weights
MARKET_NAMES = {"market", "m", "past", "view"}
PRICE_NAMES = {"prices", "price", "closes", "close", "df", "data", "frame", "panel"}


class Subject(Protocol):
    """Protocol of an audited object.

    Attributes
    ----------
    name : for the report.
    base : the market it is audited on.
    ahead : 1 if its newest answer earns the session whose row it stands in, else 0.
    """

    name: str
    base: Market
    ahead: int

    def clean(self, row: int, deep: bool) -> Answer:
        """Return the answer at `row` of the true market."""
        ...

    def ask(self, market: Market, row: int, *, deep: bool = False, fresh: bool = False) -> Answer:
        """Return the answer at `row` of another market with the same rows up to it."""
        ...

    def rows(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the rows that may be cut."""
        ...

    def unread(self) -> Mapping[str, str]:
        """Return parts of the answers that could not be compared, and why."""
        ...


class Panelled:
    """A function called once on the whole history: rows up to a cut must not change."""

    def __init__(self, function: Callable[[Market], Any], base: Market, name: str, ahead: int):
        self.name, self.base, self.ahead = name, base, ahead
        self._function = function
        self._unread: dict[str, str] = {}
        self.answer = self.ask(base, len(base) - 1)
        if not self.answer:
            raise StrategyError(
                f"{name} returned nothing with dates: return a frame (date x asset), a Strategy, "
                "or a mapping of names to frames; "
                + "; ".join(f"{k}: {v}" for k, v in self._unread.items())
            )

    def clean(self, row: int, deep: bool) -> Answer:
        """Return the function's tables on the whole market."""
        return self.answer

    def ask(self, market: Market, row: int, *, deep: bool = False, fresh: bool = False) -> Answer:
        """Return the function's tables on another market."""
        answer: Answer = {}
        for name, value in parts(self._function(market)).items():
            table = node(value, market.dates)
            if table is not None and table.ticks is not None:
                answer[name] = table
            else:
                self._unread[name] = "carries no dates, so nothing says when it was known"
        return answer

    def rows(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the rows from the first answer on."""
        from tiltwise.lookahead.cuts import first_answer

        last = len(self.base) - 1 - max(self.ahead, 1)
        first = min(first_answer(self.answer, self.base), max(last - 1, 0))
        return np.arange(first, last + 1)

    def unread(self) -> Mapping[str, str]:
        """Return undated parts."""
        return self._unread


def parts(value: Any) -> dict[str, Any]:
    """Return the parts of a function's result, by name."""
    if isinstance(value, Backtest):
        return {**parts(value.decisions), "nav": value.nav}
    if isinstance(value, Decisions):
        return {**{f"evidence.{k}": v for k, v in value.evidence.items()}, "weights": value.weights}
    if isinstance(value, Mapping):
        named: dict[str, Any] = {}
        for name, item in value.items():
            if isinstance(item, Mapping | Decisions | Backtest):
                named |= {f"{name}.{k}": v for k, v in parts(item).items()}
            else:
                named[str(name)] = item
        return named
    if isinstance(value, tuple) and any(isinstance(v, pd.DataFrame | pd.Series) for v in value):
        return {f"[{i}]": v for i, v in enumerate(value)}
    return {"weights": value}


def looks_like_weights(table: Node, assets: tuple[str, ...]) -> bool:
    """Whether a table could be weights: every row has low gross, its columns are assets."""
    if table.data.dtype == object or not set(table.columns) <= set(assets):
        return False
    return bool((np.abs(np.nan_to_num(table.data)).sum(axis=1) <= MOST_GROSS).all())


def of_market(function: Callable[..., Any], market: Market, takes: Takes | None) -> Any:
    """Return the function as one of a market, and its result on this one.

    Without `takes`, annotation and name of the first parameter decide, then trial: what cannot
    work with a market is given its table of prices.
    """
    if takes is not None:
        chosen = function if takes == "market" else _on_prices(function)
        return chosen, chosen(market)
    ways = {"market": function, "prices": _on_prices(function)}
    errors: list[str] = []
    for kind in ("prices", "market") if _declared(function) == "prices" else ("market", "prices"):
        try:
            return ways[kind], ways[kind](market)
        except (AttributeError, TypeError, KeyError) as error:
            errors.append(f"{kind} ({type(error).__name__}: {error})")
    raise StrategyError(
        f"{_name(function)} runs on neither a Market nor a table of prices; say which with takes=; "
        f"with {' and with '.join(errors)}"
    )


def _on_prices(function: Callable[..., Any]) -> Callable[[Market], Any]:
    return lambda market: function(market.prices)


def _declared(function: Callable[..., Any]) -> Takes | None:
    """Return the kind of argument that the first parameter declares."""
    try:
        first = next(iter(inspect.signature(function).parameters.values()), None)
    except (TypeError, ValueError):
        return None
    if first is None:
        raise StrategyError(f"{_name(function)} takes no argument; it must take the market")
    hint = getattr(first.annotation, "__name__", str(first.annotation))
    if "Market" in hint or "DataFrame" in hint:
        return "market" if "Market" in hint else "prices"
    if first.name in MARKET_NAMES:
        return "market"
    return "prices" if first.name in PRICE_NAMES else None


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)


def weights_of(build: Callable[[Market], FromWeights]) -> Callable[[Market], Any]:
    """Return the table of a ``prices -> weights`` strategy, rebuilt from each market."""

    def table(market: Market) -> Any:
        adapted = build(market)
        seen = market.select(adapted.universe) if adapted.universe else market
        return adapted.function(seen.prices)

    return table


def fields(strategy: Strategy) -> Answer:
    """Return a strategy's configuration as nodes."""
    answer: Answer = {}
    for name, value in getattr(strategy, "__dict__", {}).items():
        answer |= {k: v for k, v in leaves(f"field.{name}", value) if v is not None}
    return answer
