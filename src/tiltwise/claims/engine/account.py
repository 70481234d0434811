"""A source's own account: positions times returns, without a simulator.

Positions of one evening earn the next day and cost a rate times their change. Each fold begins in
cash on its first session and is never closed: the trades at its end cost nothing.
"""

import dataclasses
import functools
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.claims.engine.card import Cell
from tiltwise.claims.engine.data import CardData
from tiltwise.strategy import Strategy


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """Configuration of a source's own account.

    Attributes
    ----------
    fields : JSON values, the recipe's class name under "strategy".
    account : JSON values that say how the source accounts.
    recipe : class whose code version counts.
    market_id, assets : what it ran on and could hold.
    """

    fields: Mapping[str, Any]
    account: Mapping[str, Any]
    recipe: type[Strategy]
    market_id: str
    assets: tuple[str, ...]

    @classmethod
    def of(
        cls,
        data: CardData,
        variant: str,
        cell: Cell,
        fixed: Collection[str],
        recipe: type[Strategy],
        **account: Any,
    ) -> Self:
        """Return a configuration after some fixes, of a recipe that holds the traded assets."""
        fields = {"strategy": recipe.__name__, "as_written": variant, "fixed": list(fixed)}
        fields |= {"reference": data.reference, **cell}
        return cls(fields, account, recipe, data.market.id, data.traded)

    @property
    def family(self) -> str:
        """Name of the recipe: its trials count with the recipe's."""
        return str(self.fields["strategy"])

    def describe(self) -> dict[str, Any]:
        """Return the configuration as JSON values."""
        return dict(self.fields)


@dataclasses.dataclass(frozen=True, eq=False)
class AsWritten:
    """Return path by a source's own arithmetic; rows are sessions of its tests.

    It can be summarised, recorded and shown like a `Backtest`.

    Attributes
    ----------
    net, gross : what was earned after and before costs: simple returns, or log returns if `logs`.
    logs : whether the source adds up logs; its Sharpe ratio is then of logs.
    held : share of capital that earned each session (session x asset); nothing drifts.
    turnover : two-way, sum of absolute changes of the positions.
    charged : cost as a share of capital, by session.
    weights : what each evening decided.
    strategy : which configuration this is, once it is known.
    benchmark_returns : simple returns of the market fund on the same sessions.
    """

    net: pd.Series
    gross: pd.Series
    logs: bool
    held: pd.DataFrame
    turnover: pd.Series
    charged: pd.Series
    weights: pd.DataFrame
    strategy: Source | None = None
    benchmark_returns: pd.Series | None = None

    fill = "close"
    delay = 1
    ruined = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know to read the numbers."""
        text = "as its source wrote it, defects included: no simulator, nothing drifts, orders "
        text += "trade at the very close they were decided on, and drawdowns start after day one"
        return (text, "its Sharpe ratio is of log returns") if self.logs else (text,)

    @property
    def refits(self) -> pd.DatetimeIndex:
        """Not recorded by the source."""
        return pd.DatetimeIndex([])

    @functools.cached_property
    def nav(self) -> pd.Series:
        """Growth of one unit."""
        return (1.0 + self.returns).cumprod().rename("nav")

    @property
    def costs(self) -> pd.DataFrame:
        """Costs by kind: the source knows a spread only."""
        return self.charged.to_frame("spread")

    @functools.cached_property
    def trades(self) -> pd.DataFrame:
        """Changes of position in long form; the source knows no fill prices."""
        held = self.held.to_numpy()
        changes = np.diff(held, axis=0, prepend=np.zeros((1, held.shape[1])))
        row, asset = np.nonzero(changes)
        return pd.DataFrame(
            {
                "session": self.held.index[row],
                "asset": self.held.columns.to_numpy()[asset],
                "weight_change": changes[row, asset],
            }
        )

    @functools.cached_property
    def returns(self) -> pd.Series:
        """Net simple returns."""
        return self._simple(self.net).rename("net_return")

    @functools.cached_property
    def gross_returns(self) -> pd.Series:
        """Simple returns before costs."""
        return self._simple(self.gross).rename("gross_return")

    def _simple(self, series: pd.Series) -> pd.Series:
        values = series.to_numpy(dtype=np.float64)
        return pd.Series(np.expm1(values) if self.logs else values.copy(), index=series.index)

    def before(self, stop: pd.Timestamp) -> "AsWritten":
        """Return the account without the sessions from `stop` on; folds do not touch each other."""
        return self.part(self.net.index < stop)

    def part(self, rows: Any) -> "AsWritten":
        """Return some rows of the account, by dates or by a mask."""
        names = ("net", "gross", "held", "turnover", "charged", "weights")
        return dataclasses.replace(self, **{name: getattr(self, name).loc[rows] for name in names})

    def numbers(self) -> dict[str, float]:
        """Return the numbers in the source's words.

        The Sharpe ratio is of what was added up; the first peak of the drawdown is the wealth after
        the first session, not the capital.
        """
        values = self.net.to_numpy()
        wealth = np.cumprod(1.0 + self.returns.to_numpy())
        return {
            "sharpe": float(values.mean() / values.std(ddof=1)) * math.sqrt(SESSIONS_PER_YEAR),
            "total_return": float(wealth[-1] - 1.0),
            "max_drawdown": float((wealth / np.maximum.accumulate(wealth) - 1.0).min()),
            "turnover": float(self.turnover.mean()),
        }


def account(
    targets: Sequence[pd.DataFrame],
    returns: pd.DataFrame,
    cost: float,
    *,
    earn: str = "simple",
    halved: bool = False,
) -> AsWritten:
    """Return what targets by fold (session x asset) earn on log returns.

    Parameters
    ----------
    targets : one table for each fold; the last evening of a fold earns nothing.
    returns : log returns (session x asset).
    cost : rate on the change of positions.
    earn : "logs" weighs and adds up log returns, "simple" simple ones, "logs of simple" weighs
        simple ones and then adds up logs.
    halved : charge half of the change, which is the one-way turnover.
    """
    positions = pd.concat([t.shift(1).fillna(0.0) for t in targets])
    changes = [t.shift(1).fillna(0.0).diff().fillna(0.0).abs().sum(axis=1) for t in targets]
    turnover = pd.concat(changes).rename("turnover")
    moved = returns.loc[positions.index, positions.columns]
    earned = moved if earn == "logs" else np.expm1(moved)
    gross = (positions * earned).sum(axis=1)
    charged = turnover * ((0.5 if halved else 1.0) * cost)
    net = gross - charged
    if earn == "logs of simple":
        gross, net = np.log1p(gross), np.log1p(net)
    decided = pd.concat(list(targets))
    return AsWritten(net, gross, earn != "simple", positions, turnover, charged, decided)
