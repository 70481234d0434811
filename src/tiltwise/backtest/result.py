"""Result of a walk-forward backtest: decisions and the simulated path."""

import dataclasses
import functools
from typing import Any, Self

import numpy as np
import pandas as pd

from tiltwise.backtest.simulator import Simulated, Simulator
from tiltwise.market.macro.policy import LAG_ONLY, warnings
from tiltwise.market.market import Market
from tiltwise.strategy import Decisions, Strategy


@dataclasses.dataclass(frozen=True, eq=False)
class Backtest:
    """A strategy's decisions and the path of net asset value they led to.

    Shares of net asset value (returns, costs, turnover) refer to the close of the session before.
    A ruined book (net asset value at or below zero) ends at the session of its ruin.

    Attributes
    ----------
    strategy, market_id : what decided, on which data.
    simulator : fills and costs as given; `fill` and `delay` are the resolved ones.
    decisions : targets and evidence by decision session.
    refits : sessions after whose close the strategy was fitted.
    benchmark_prices : adjusted closes of the market's benchmark, or None.
    """

    strategy: Strategy
    market_id: str
    simulator: Simulator
    decisions: Decisions
    refits: pd.DatetimeIndex
    benchmark_prices: pd.Series | None
    has_rates: bool
    simulated: Simulated = dataclasses.field(repr=False)

    @classmethod
    def make(
        cls,
        strategy: Strategy,
        view: Market,
        simulator: Simulator,
        decisions: Decisions,
        refits: pd.DatetimeIndex,
        simulated: Simulated,
    ) -> Self:
        """Return the result of decisions and their simulation."""
        prices = view.benchmark_prices
        return cls(
            strategy=strategy,
            market_id=view.id,
            simulator=simulator,
            decisions=decisions,
            refits=refits,
            benchmark_prices=None if prices is None else prices.loc[simulated.tape.dates[0] :],
            has_rates=view.rates is not None,
            simulated=simulated,
        )

    @property
    def fill(self) -> str:
        """Price at which orders fill: "open" or "close"."""
        return self.simulated.tape.resolved.fill

    @property
    def delay(self) -> int:
        """Sessions from a decision to the first session it earns."""
        return self.simulated.tape.resolved.delay

    @functools.cached_property
    def ruined(self) -> pd.Timestamp | None:
        """Session in which net asset value fell to zero or below, if it did."""
        row = int(self.simulated.paths.ruined[0])
        return None if row < 0 else self.simulated.tape.dates[row]

    @functools.cached_property
    def _stop(self) -> int:
        row = int(self.simulated.paths.ruined[0])
        return len(self.simulated.tape.dates) if row < 0 else row + 1

    @functools.cached_property
    def _dates(self) -> pd.DatetimeIndex:
        return self.simulated.tape.dates[: self._stop]

    @functools.cached_property
    def _columns(self) -> pd.Index:
        return pd.Index(self.simulated.tape.assets, name="asset", dtype=object)

    def _by_asset(self, values: Any) -> pd.DataFrame:
        return pd.DataFrame(values[: self._stop, :, 0], index=self._dates, columns=self._columns)

    @functools.cached_property
    def nav(self) -> pd.Series:
        """Net asset value at each close; the first row is the capital at the first decision."""
        return pd.Series(self.simulated.paths.nav[: self._stop, 0], index=self._dates, name="nav")

    @functools.cached_property
    def returns(self) -> pd.Series:
        """Net simple returns, from the session after the first decision."""
        nav = self.nav.to_numpy()
        return pd.Series(nav[1:] / nav[:-1] - 1.0, index=self._dates[1:], name="net_return")

    @functools.cached_property
    def gross_returns(self) -> pd.Series:
        """Returns before costs: net returns plus the costs of the same session."""
        return (self.returns + self.costs.sum(axis=1)).rename("gross_return")

    @functools.cached_property
    def costs(self) -> pd.DataFrame:
        """Costs as shares of net asset value (session x kind)."""
        nav = self.nav.to_numpy()
        shares = self.simulated.paths.costs[1 : self._stop, :, 0] / nav[:-1, None]
        from tiltwise.kernels.simulate import KINDS

        kinds = pd.Index(KINDS, name="kind", dtype=object)
        return pd.DataFrame(shares, index=self._dates[1:], columns=kinds)

    @functools.cached_property
    def turnover(self) -> pd.Series:
        """Two-way turnover: money bought plus money sold; one-way is half of it."""
        nav = self.nav.to_numpy()
        shares = self.simulated.paths.traded[1 : self._stop, 0] / nav[:-1]
        return pd.Series(shares, index=self._dates[1:], name="turnover")

    @functools.cached_property
    def held(self) -> pd.DataFrame:
        """Drifted share of net asset value at each close, before that evening's decision."""
        return self._by_asset(self.simulated.paths.held)

    @property
    def weights(self) -> pd.DataFrame:
        """Targets by decision session; a row of NaN is a decision to hold."""
        return self.decisions.weights

    @functools.cached_property
    def trades(self) -> pd.DataFrame:
        """Trades in long form: session, asset, weight_change, price, cost (shares of value)."""
        tape, money = self.simulated.tape, self.simulated.paths.trades[: self._stop, :, 0]
        row, asset = np.nonzero(money)
        before = self.nav.to_numpy()[row - 1]
        cost, price = tape.trading_cost(row, asset, money[row, asset])
        return pd.DataFrame(
            {
                "session": tape.dates[tape.filled(row, asset)],
                "asset": np.array(tape.assets, dtype=object)[asset],
                "weight_change": money[row, asset] / before,
                "price": price,
                "cost": cost / before,
            }
        )

    @functools.cached_property
    def benchmark_returns(self) -> pd.Series | None:
        """Simple returns of the benchmark on the sessions of `returns`."""
        prices = self.benchmark_prices
        if prices is None:
            return None
        marked = prices.ffill()
        return (marked / marked.shift(1) - 1.0).reindex(self.returns.index)

    @functools.cached_property
    def _lag_only(self) -> list[str]:
        """Series used by the decisions, or by those of a part, that are revised later."""
        texts = [
            text
            for name, series in self.decisions.evidence.items()
            if str(name).split(".")[-1] == LAG_ONLY and isinstance(series, pd.Series)
            for text in series.dropna().unique()
        ]
        return list(dict.fromkeys(name for text in texts for name in str(text).split(", ") if name))

    @functools.cached_property
    def notes(self) -> tuple[str, ...]:
        """Notes on assumptions, taints and failed decisions."""
        out = []
        if not self.has_rates:
            out.append("no cash rate was given: cash earns nothing and borrowing costs the spread")
        if self.simulator.allow_lookahead:
            out.append("look-ahead was allowed: these numbers could not have been earned")
        if self.fill == "close" and self.delay == 1:
            out.append("optimistic fills: orders trade at the very close they were decided on")
        unfilled = int(self.simulated.paths.unfilled.sum())
        if unfilled:
            out.append(f"{unfilled} orders found no price on their session and were dropped")
        out += warnings(self._lag_only)
        out += _unanswered(self.decisions.evidence.get("status"))
        if self.ruined is not None:
            out.append(f"ruined: net asset value reached zero on {self.ruined.date()}")
        return tuple(out)


def _unanswered(status: Any) -> list[str]:
    """Return a note for each solver status of decisions that fell back or kept the book."""
    if not isinstance(status, pd.Series):
        return []
    answered = status.dropna().astype(str)
    fallbacks = answered[answered.str.match(r"(?:fallback|held)\b")]
    return [
        f"{len(rows)} of {len(answered)} decisions, first on {rows.index[0].date()}: {text}"
        for text, rows in fallbacks.groupby(fallbacks, sort=False)
    ][:5]
