"""Stored form of a backtest: Parquet tables and one JSON file beside the recorded run.

One writer (`backtest_files`) and one reader (`StoredBacktest.read`); the robustness checks, the
benchmarks and the risk measures of a run are stored by their own classes under their own names.
"""

import dataclasses
import io
import json
from typing import Any, Protocol, Self

import pandas as pd

from tiltwise.ledger import Run
from tiltwise.ledger.run import canonical

ROBUSTNESS, PAGE = "evidence.json", "page.json"
TABLES = ("nav", "weights", "held", "trades", "costs")
NEEDED = frozenset({ROBUSTNESS, PAGE, "nav.parquet"})  #: files without which a run has no report
_DEFAULT_BENCHMARK = "Benchmark"


class BacktestLike(Protocol):
    """A simulated or accounted path: a `Backtest`, or a source's own account."""

    @property
    def nav(self) -> pd.Series:
        """Net asset value by session."""

    @property
    def gross_returns(self) -> pd.Series:
        """Simple returns before costs."""

    @property
    def benchmark_returns(self) -> pd.Series | None:
        """Simple returns of the benchmark on the same sessions."""

    @property
    def turnover(self) -> pd.Series:
        """Two-way turnover, share of net asset value."""

    @property
    def weights(self) -> pd.DataFrame:
        """Targets by decision session."""

    @property
    def held(self) -> pd.DataFrame:
        """Shares of net asset value at each close."""

    @property
    def trades(self) -> pd.DataFrame:
        """Trades in long form."""

    @property
    def costs(self) -> pd.DataFrame:
        """Costs by kind, share of net asset value."""

    @property
    def fill(self) -> str:
        """Price at which orders fill."""

    @property
    def delay(self) -> int:
        """Sessions from a decision to the first session it earns."""

    @property
    def refits(self) -> pd.DatetimeIndex:
        """Sessions on which a model was fitted."""

    @property
    def strategy(self) -> Any:
        """Configuration; None where a source's account has none yet."""


def backtest_files(
    path: BacktestLike, benchmark: str | None, title: str = "", subtitle: str = ""
) -> dict[str, bytes]:
    """Return a path as the files that are stored with its run.

    Parameters
    ----------
    path : what was simulated or accounted.
    benchmark : name of the benchmark, if there is one.
    title, subtitle : of the page; default: the strategy's name and the first line of its docstring.
    """
    series = {"nav": path.nav, "gross_return": path.gross_returns, "turnover": path.turnover}
    if path.benchmark_returns is not None:
        series["benchmark_return"] = path.benchmark_returns
    frames = {"nav": pd.DataFrame(series)}
    frames |= {name: getattr(path, name) for name in TABLES[1:]}
    page = {
        "title": title or path.strategy.family,
        "subtitle": subtitle or (type(path.strategy).__doc__ or "").split("\n")[0],
        "benchmark": benchmark or _DEFAULT_BENCHMARK,
        "fill": path.fill,
        "delay": path.delay,
        "refits": [f"{session:%Y-%m-%d}" for session in path.refits],
    }
    tables = {f"{name}.parquet": _parquet(frame) for name, frame in frames.items()}
    return {**tables, PAGE: canonical(page).encode()}


@dataclasses.dataclass(frozen=True, eq=False)
class StoredBacktest:
    """A recorded backtest, read back from the files of its run.

    Attributes
    ----------
    nav : net asset value by session; returns are simple and begin a session later.
    returns, gross_returns, benchmark_returns : simple returns after costs, before costs, and of the
        benchmark (None where there is none).
    turnover : two-way, share of net asset value.
    weights : targets by decision session; a row of NaN keeps the positions.
    held : drifted share of net asset value at each close (session x asset).
    trades : long form: session, asset, weight_change, price, cost.
    costs : shares of net asset value (session x kind).
    title, subtitle, benchmark : what the page calls the run and its benchmark.
    fill, delay : price of the fills; first earning session after the decision.
    refits : sessions on which the model was fitted.
    """

    nav: pd.Series
    returns: pd.Series
    gross_returns: pd.Series
    benchmark_returns: pd.Series | None
    turnover: pd.Series
    weights: pd.DataFrame
    held: pd.DataFrame
    trades: pd.DataFrame
    costs: pd.DataFrame
    title: str
    subtitle: str
    benchmark: str
    fill: str
    delay: int
    refits: tuple[pd.Timestamp, ...]

    @classmethod
    def read(cls, run: Run) -> Self:
        """Return the backtest that a run's files hold."""
        page: dict[str, Any] = json.loads(run.files[PAGE])
        tables: dict[str, Any] = {name: _frame(run.files[f"{name}.parquet"]) for name in TABLES}
        series: pd.DataFrame = tables.pop("nav")
        rows = series.reindex(run.returns.index)
        refits = tuple(map(pd.Timestamp, page.pop("refits")))
        return cls(
            nav=series["nav"],
            returns=run.returns,
            gross_returns=rows["gross_return"],
            benchmark_returns=rows.get("benchmark_return"),
            turnover=rows["turnover"],
            **tables,
            **page,
            refits=refits,
        )

    @property
    def ruined(self) -> pd.Timestamp | None:
        """Session in which net asset value fell to zero or below, if it did."""
        return self.nav.index[-1] if self.nav.iloc[-1] <= 0.0 else None


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def _frame(data: bytes) -> pd.DataFrame:
    import pyarrow.parquet as pq

    frame: pd.DataFrame = pq.read_table(io.BytesIO(data)).to_pandas()
    return frame
