"""Metrics of a traded book: holdings, turnover, costs and gross return."""

import dataclasses
from typing import Protocol

import pandas as pd

from tiltwise.evaluate.returns import Returns, active, path, periods_in_year
from tiltwise.kernels.path_metrics import FloatArray, Path, sharpe


class Measurable(Protocol):
    """Protocol of a backtest for `summary`, each series by session."""

    @property
    def returns(self) -> pd.Series:
        """Net returns."""

    @property
    def gross_returns(self) -> pd.Series:
        """Returns before costs."""

    @property
    def turnover(self) -> pd.Series:
        """Two-way turnover as a share of NAV; a session without an entry had none."""

    @property
    def held(self) -> pd.DataFrame:
        """Holdings at each close as shares of NAV (session x asset)."""

    @property
    def benchmark_returns(self) -> pd.Series | None:
        """Returns of the benchmark, if there is one."""


@dataclasses.dataclass(frozen=True, eq=False)
class TradedPath:
    """A book on the T periods from its first live position on.

    Attributes
    ----------
    net, gross : Path
        Returns after and before costs.
    turnover : ndarray (T,)
        Two-way turnover, measured against drifted weights, as a share of NAV.
    holdings : ndarray (T,)
        Number of assets held at each close.
    """

    net: Path
    gross: Path
    turnover: FloatArray
    holdings: FloatArray


def book(
    backtest: Measurable,
    benchmark: pd.Series | None = None,
    periods_per_year: float | None = None,
    *,
    rf: Returns | None = None,
    rf_annual: float | None = None,
) -> TradedPath | None:
    """Return the live part of a backtest, None where nothing was ever held.

    The frequency is inferred from all its sessions; the other arguments are those of
    `tiltwise.evaluate.returns.path`. `rf` must be a Series that covers the live sessions.
    """
    if periods_per_year is None:
        periods_per_year = periods_in_year(backtest.returns.index)
    net = active(backtest.returns, backtest.held)
    if net.empty:
        return None
    gross = backtest.gross_returns.loc[net.index]
    held = backtest.held.reindex(net.index).fillna(0.0)
    turnover = backtest.turnover.reindex(net.index, fill_value=0.0)
    return TradedPath(
        net=path(net, periods_per_year, benchmark=benchmark, rf=rf, rf_annual=rf_annual),
        gross=path(gross, periods_per_year, rf=rf, rf_annual=rf_annual),
        turnover=turnover.to_numpy(dtype=float),
        holdings=held.ne(0.0).sum(axis=1).to_numpy(dtype=float),
    )


def turnover_two_way(book: TradedPath) -> float:
    """Mean purchases plus sales per period times A, entry included, as a share of NAV."""
    return float(book.turnover.mean()) * book.net.periods


def turnover_one_way(book: TradedPath) -> float:
    """Half of the two-way turnover."""
    return 0.5 * turnover_two_way(book)


def cost_drag(book: TradedPath) -> float:
    """(mean gross return - mean net return) * A."""
    return float((book.gross.returns - book.net.returns).mean()) * book.net.periods


def avg_holdings(book: TradedPath) -> float:
    """Mean number of assets held at the close."""
    return float(book.holdings.mean())


def gross_sharpe(book: TradedPath) -> float:
    """Sharpe ratio of the returns before costs."""
    return sharpe(book.gross)
