"""A source's own account: positions times returns, without a simulator.

Positions of one evening earn the next day and cost a rate times their change. Each fold begins in
cash on its first session and is never closed: the trades at its end cost nothing.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

YEAR = 252.0


@dataclasses.dataclass(frozen=True, eq=False)
class AsWritten:
    """What a source's own arithmetic makes of its positions; rows are sessions of its tests.

    Attributes
    ----------
    net, gross : what was earned after and before costs: simple returns, or log returns if `logs`.
    logs : whether the source adds up logs; its Sharpe ratio is then of logs.
    positions : share of capital that earned each session (session x asset).
    turnover : two-way, sum of absolute changes of the positions.
    targets : what each evening decided.
    """

    net: pd.Series
    gross: pd.Series
    logs: bool
    positions: pd.DataFrame
    turnover: pd.Series
    targets: pd.DataFrame

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

    @property
    def held(self) -> pd.DataFrame:
        """Positions at each close; the source lets nothing drift."""
        return self.positions

    @property
    def benchmark_returns(self) -> None:
        """The source compares with nothing."""
        return

    def numbers(self) -> dict[str, float]:
        """Return the numbers in the source's words.

        The Sharpe ratio is of what was added up; the first peak of the drawdown is the wealth after
        the first session, not the capital.
        """
        values = self.net.to_numpy()
        wealth = np.cumprod(1.0 + self.returns.to_numpy())
        return {
            "sharpe": float(values.mean() / values.std(ddof=1)) * math.sqrt(YEAR),
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
    net = gross - turnover * (0.5 if halved else 1.0) * cost
    if earn == "logs of simple":
        gross, net = _logs(gross), _logs(net)
    decided = pd.concat(list(targets))
    return AsWritten(net, gross, earn != "simple", positions, turnover, decided)


def _logs(series: Any) -> pd.Series:
    return pd.Series(np.log1p(series.to_numpy()), index=series.index)
