"""Active returns of a run against equal weights and the benchmark, with fund fees.

Computed once, while the market is at hand, and stored with the run, so that recorded runs can be
compared with their benchmarks in any period without the data. Every path starts on the first
session that begins with both the run and the equal-weight book invested.
"""

import dataclasses
import io
import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import pandas as pd

from tiltwise.backtest.result import Backtest
from tiltwise.backtest.walk_forward import first_start, walk_forward
from tiltwise.errors import DataError, MissingData
from tiltwise.evaluate.active import Expected, equal_weights, expected, invested, relative
from tiltwise.evaluate.book_comparison import BookComparison, compare_books
from tiltwise.evaluate.fees import COLUMNS, borne, equivalents
from tiltwise.evaluate.returns import periods_in_year
from tiltwise.evaluate.significance.paired import FEWEST
from tiltwise.ledger.run import canonical, plain
from tiltwise.market.market import Market
from tiltwise.market.universes import BLENDED_FEES, EXPENSES, FACTOR_FUNDS
from tiltwise.recipes.benchmarks import EqualWeight

PATHS, NUMBERS = "yardsticks.parquet", "yardsticks.json"
RUN, RUN_GROSS, RUN_FEE = "run", "run_gross", "run_fee"
EQUAL, EQUAL_GROSS, EQUAL_FEE = "equal", "equal_gross", "equal_fee"
DAILY, MARKET, MARKET_FEE = "equal_daily", "market", "market_fee"
AGAINST = (DAILY, EQUAL, MARKET)
"""What a run's active return is taken against: equal weights daily, quarterly, and the benchmark.

Daily ones bear no costs: the weights that an expected tracking error refers to. Quarterly ones are
traded and pay as the run does; the benchmark is bought once, free of costs.
"""


class Terms(NamedTuple):
    """Arguments of `evaluate.fees.equivalents`."""

    adjusted: pd.Series
    net: pd.Series
    fee: pd.Series
    again: Mapping[str, float] | None


@dataclasses.dataclass(frozen=True, eq=False)
class Benchmarks:
    """Active returns, tracking error and fund fees of a run against its benchmarks.

    Attributes
    ----------
    market : name of the benchmark; None where there is none.
    count : number of assets in the equal-weight books.
    blended : whether they are the factor funds, whose source took a blended fee off again.
    paths : frame by session: simple returns of the run and of each of `AGAINST`, those of run and
        quarterly book before trading costs, and fund fees inside them; a column only where known.
    active : frame ((against, metric) x value, low, high), see `evaluate.active.relative`.
    expected : expected tracking error recorded by the strategy, if any.
    hurdle : the benchmark against quarterly equal weights; None where they cannot be compared.
    fees : frame ((book, kind) x numbers), see `evaluate.fees.equivalents`; empty where the fee of
        an asset is not known, or prices do not bear fees.
    """

    market: str | None
    count: int
    blended: bool
    paths: pd.DataFrame
    active: pd.DataFrame
    expected: Expected | None
    hurdle: BookComparison | None
    fees: pd.DataFrame

    def called(self, name: str) -> str:
        """Return the display name of one of the paths."""
        equal = f"EW({self.count})"
        names = {RUN: "this run", DAILY: f"{equal} daily", EQUAL: equal, MARKET: str(self.market)}
        return names[name]

    def gaps(self, name: str) -> pd.DataFrame:
        """Return active metrics of the run against one of `AGAINST` (metric x value, low, high)."""
        rows = self.active.xs(name, level="against")
        assert isinstance(rows, pd.DataFrame)
        return rows

    def fee_terms(self, name: str) -> Terms | None:
        """Return the inputs of the fee equivalents of one path; None where fees are unknown."""
        return _terms(self.paths, name, self.blended)

    def to_json(self) -> dict[str, Any]:
        """Return all but the paths as JSON values; NaN is null."""
        values = {
            "market": self.market,
            "count": self.count,
            "blended": self.blended,
            "since": f"{self.paths.index[0]:%Y-%m-%d}",
            "sessions": len(self.paths),
            "active": _records(self.active),
            "expected": self.expected and dataclasses.asdict(self.expected),
            "hurdle": self.hurdle and dataclasses.asdict(self.hurdle),
            "fees": _records(self.fees),
        }
        document: dict[str, Any] = plain(values, "yardsticks", empty=True)
        return document

    def files(self) -> dict[str, bytes]:
        """Return the stored files by name; equal benchmarks give equal bytes."""
        buffer = io.BytesIO()
        self.paths.to_parquet(buffer, compression="zstd")
        return {PATHS: buffer.getvalue(), NUMBERS: canonical(self.to_json()).encode()}

    @classmethod
    def restore(cls, files: Mapping[str, bytes]) -> Self | None:
        """Return the benchmarks from stored `files`; None where a run was recorded without."""
        if not {PATHS, NUMBERS} <= set(files):
            return None
        import pyarrow.parquet as pq

        stored = json.loads(files[NUMBERS])
        return cls(
            market=stored["market"],
            count=stored["count"],
            blended=stored["blended"],
            paths=pq.read_table(io.BytesIO(files[PATHS])).to_pandas(),
            active=_frame(stored["active"], ("against", "metric"), ("value", "low", "high")),
            expected=stored["expected"] and Expected(**_numbers(stored["expected"])),
            hurdle=stored["hurdle"] and BookComparison(**_numbers(stored["hurdle"])),
            fees=_frame(stored["fees"], ("book", "kind"), COLUMNS),
        )


def compare_with_benchmarks(result: Backtest, market: Market, seed: int = 0) -> Benchmarks | None:
    """Compare a backtest with equal weights and the benchmark.

    Parameters
    ----------
    result : the run.
    market : of the run.
    seed : of the intervals.

    Returns
    -------
    Benchmarks or None
        None for a run that was ruined, or is invested on fewer than 20 sessions together with the
        equal-weight book.
    """
    if result.ruined is not None:
        return None
    held = market.select(tuple(result.weights.columns))
    rule = EqualWeight(universe=held.assets)
    begin = max(result.nav.index[0], first_start(rule, held))
    if begin >= result.nav.index[-1]:
        return None
    equal = walk_forward(rule, held, begin, result.nav.index[-1], result.simulator)
    paths = _paths(result, equal, held)
    if len(paths) < FEWEST:
        return None
    periods = periods_in_year(result.returns.index)
    others = [name for name in AGAINST if name in paths]
    gaps = {o: relative(paths[RUN], paths[o], periods, seed=seed) for o in others}
    blended = set(held.assets) == set(FACTOR_FUNDS)
    return Benchmarks(
        market=held.benchmark,
        count=len(held.assets),
        blended=blended,
        paths=paths,
        active=pd.concat(gaps, names=["against"]),
        expected=expected(result.decisions.evidence),
        hurdle=_hurdle(paths, periods, seed),
        fees=_fees(paths, blended, periods, seed),
    )


def _paths(result: Backtest, equal: Backtest, market: Market) -> pd.DataFrame:
    """Return the frame of `Benchmarks.paths`."""
    books = {"run": result, "equal": equal}
    columns = {name: invested(book.returns, book.held) for name, book in books.items()}
    sessions = pd.DatetimeIndex(columns[RUN].index.intersection(columns[EQUAL].index))
    columns |= {f"{name}_gross": book.gross_returns for name, book in books.items()}
    columns[DAILY] = equal_weights(market, market.assets, sessions)
    if result.benchmark_returns is not None:
        columns[MARKET] = result.benchmark_returns
    if market.net_of_fees:
        periods = periods_in_year(result.returns.index)
        columns |= _fees_borne(books, market.benchmark if MARKET in columns else None, periods)
    frame = pd.DataFrame({name: column.reindex(sessions) for name, column in columns.items()})
    return frame.dropna().rename_axis("date")


def _fees_borne(
    books: Mapping[str, Backtest], benchmark: str | None, periods: float
) -> dict[str, pd.Series]:
    """Return the fund fees inside each path; unknown ones are left out."""
    fees = {}
    for name, book in books.items():
        try:
            fees[f"{name}_fee"] = borne(book.held, EXPENSES, periods)
        except MissingData:
            continue
    if benchmark in EXPENSES:
        index = books["run"].returns.index
        fees[MARKET_FEE] = pd.Series(EXPENSES[str(benchmark)] / periods, index)
    return fees


def _hurdle(paths: pd.DataFrame, periods: float, seed: int) -> BookComparison | None:
    if MARKET not in paths:
        return None
    try:
        return compare_books(paths[MARKET], paths[EQUAL], periods, seed=seed)
    except DataError:
        return None


def _fees(paths: pd.DataFrame, blended: bool, periods: float, seed: int) -> pd.DataFrame:
    """Return the fee equivalents of every path whose fees are known."""
    fees = {}
    for name in (RUN, EQUAL, MARKET):
        terms = _terms(paths, name, blended)
        if terms is not None:
            fees[name] = equivalents(*terms, periods_per_year=periods, seed=seed)
    return pd.concat(fees, names=["book"]) if fees else pd.DataFrame()


def _terms(paths: pd.DataFrame, name: str, blended: bool) -> Terms | None:
    gross = {RUN: RUN_GROSS, EQUAL: EQUAL_GROSS, MARKET: MARKET}[name]
    if f"{name}_fee" not in paths:
        return None
    # The source took the blended fee off its own books, and off the benchmark that one's own.
    again = BLENDED_FEES if blended and name != MARKET else None
    return Terms(paths[gross], paths[name], paths[f"{name}_fee"], again)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as mappings, index levels among their fields."""
    flat = frame.reset_index() if len(frame) else frame
    return [{str(k): v for k, v in row.items()} for row in flat.to_dict("records")]


def _frame(
    records: list[dict[str, Any]], keys: tuple[str, str], columns: tuple[str, ...]
) -> pd.DataFrame:
    """Return the frame of stored rows, with columns in the given order."""
    if not records:
        return pd.DataFrame()
    return pd.DataFrame(records).set_index(list(keys))[list(columns)].astype("float64")


def _numbers(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored fields: null is NaN."""
    return {k: float("nan") if v is None else v for k, v in stored.items()}
