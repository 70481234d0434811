"""Record of a scored backtest, with its identities: run, trial and family."""

import dataclasses
import datetime as dt
import functools
import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tiltwise.errors import LedgerError

if TYPE_CHECKING:
    import pandas as pd

RETURNS = "returns.parquet"
CONFIGURATION = "run.json"

_FILE = re.compile(r"[^./\\][^/\\]*")
_SCORED_ON = ("strategy", "data_id", "simulator", "start", "end")  # what a trial is


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """One scored backtest.

    Parameters
    ----------
    strategy
        What `Strategy.describe` gives: `Strategy.family` under ``"strategy"``, then the fields.
    data_id
        Identity of the market it ran on, hexadecimal.
    data
        Name of the data: ``"sample:stocks"``, or a file name without its folders.
    assets
        The assets it could hold; their order does not matter.
    simulator
        Fill, delay, costs and capital as JSON values.
    start, end
        First and last session of the period, ISO dates.
    code
        Version of the code that ran.
    metrics
        By name, a number or ``{"value", "low", "high"}``. NaN is stored as an empty value.
    returns
        Net simple return of each session, float64, index ascending and without time zone.
    files
        Further artefacts, content by file name. They must follow from the run alone: recording
        the same run again with other content is refused.
    notes
        Remarks on the run, one sentence each.
    tainted
        Whether it was allowed to look ahead.

    Raises
    ------
    LedgerError
        A field is not what it should be; the message names it.
    """

    strategy: Mapping[str, Any]
    data_id: str
    data: str
    assets: tuple[str, ...]
    simulator: Mapping[str, Any]
    start: str
    end: str
    code: str
    metrics: Mapping[str, Any]
    returns: "pd.Series"
    files: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    tainted: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.strategy.get("strategy"), str):
            raise LedgerError("Run.strategy has no class name under 'strategy'")
        _check_period(self.start, self.end)
        _check_metrics(self.metrics)
        _check_returns(self.returns, f"Run.returns of {self.strategy['strategy']}")
        for name in self.files:
            if name in (RETURNS, CONFIGURATION) or not _FILE.fullmatch(name):
                raise LedgerError(f"Run.files: {name!r} cannot be the name of a further artefact")

    @functools.cached_property
    def id(self) -> str:
        """Digest of the trial, the code version and the data's label: a rerun has the same."""
        return _digest([self._scored_on(), self.code, self.data])

    @functools.cached_property
    def trial(self) -> str:
        """Digest of strategy, data, simulator and period, whatever the code version."""
        return _digest(self._scored_on())

    @functools.cached_property
    def family(self) -> str:
        """Recipe, number of assets and a digest: the group in which trials are counted."""
        assets = sorted(set(self.assets))
        return f"{self.recipe}-{len(assets)}-{_digest([self.recipe, assets])[:12]}"

    @functools.cached_property
    def recipe(self) -> str:
        """`Strategy.family` of what an overlay wraps: wrapping does not open a new count."""
        return "+".join(sorted(set(_innermost(self.strategy))))

    @property
    def configuration(self) -> dict[str, Any]:
        """Everything that `id` is a digest of, as JSON values."""
        return {**self._scored_on(), "code": self.code, "data": self.data}

    def record(self) -> dict[str, Any]:
        """Return the run without its series and files, as JSON values."""
        return {
            **self.configuration,
            "run": self.id,
            "trial": self.trial,
            "family": self.family,
            "assets": list(self.assets),
            "metrics": plain(self.metrics, "metrics", empty=True),
            "notes": list(self.notes),
            "tainted": bool(self.tainted),
        }

    @classmethod
    def restore(
        cls, record: Mapping[str, Any], returns: "pd.Series", files: Mapping[str, bytes]
    ) -> "Run":
        """Return the run whose `record`, series and files are given."""
        values = {f.name: record[f.name] for f in dataclasses.fields(cls) if f.name in record}
        values["metrics"] = {name: number(metric) for name, metric in record["metrics"].items()}
        values |= {name: tuple(record[name]) for name in ("assets", "notes")}
        return cls(**(values | {"returns": returns, "files": files}))

    def _scored_on(self) -> dict[str, Any]:
        return {name: plain(getattr(self, name), f"Run.{name}") for name in _SCORED_ON}


def canonical(value: Any) -> str:
    """Return JSON values as the one line that is hashed: sorted keys, ASCII, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def finite(value: Any) -> Any:
    """Return JSON values; numbers that are not finite become None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return finite(value.item()) if hasattr(value, "item") else value


def plain(value: Any, where: str, *, empty: bool = False) -> Any:
    """Return `value` as JSON values; infinity becomes text.

    Parameters
    ----------
    value
        Mappings, sequences, text, numbers (NumPy scalars too), booleans, None.
    where
        What to call the value in an error.
    empty
        Turn NaN into null; otherwise NaN is an error, since it would equal a field left None.

    Raises
    ------
    LedgerError
        Something in it is not one of these; the message says where.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if math.isnan(value) and not empty:
            raise LedgerError(f"{where} is NaN, which cannot tell one run from another")
        return float(value) if math.isfinite(value) else None if value != value else str(value)
    if isinstance(value, Mapping):
        return {str(k): plain(v, f"{where}.{k}", empty=empty) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [plain(v, f"{where}[{i}]", empty=empty) for i, v in enumerate(value)]
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        return plain(value.item(), where, empty=empty)
    raise LedgerError(f"{where} is a {type(value).__name__}; a ledger keeps JSON values only")


def _digest(values: Any) -> str:
    return hashlib.blake2b(canonical(_folded(values)).encode(), digest_size=16).hexdigest()


def _folded(value: Any) -> Any:
    """Return the value with 1.0 written as 1: they are one setting, so they must be one trial."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {k: _folded(v) for k, v in value.items()}
    return [_folded(v) for v in value] if isinstance(value, list) else value


def number(metric: Any) -> Any:
    """Return a stored metric as numbers: null is NaN, text an infinity."""
    if isinstance(metric, dict):
        return {k: number(v) for k, v in metric.items()}
    return math.nan if metric is None else float(metric)


def _innermost(value: Any) -> Iterator[str]:
    """Yield the families of the strategies that wrap no other strategy."""
    if isinstance(value, Mapping):
        inner = [name for field in value.values() for name in _innermost(field)]
        if not inner and isinstance(value.get("strategy"), str):
            inner = [value["strategy"]]
        yield from inner
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _innermost(item)


def _check_period(start: str, end: str) -> None:
    for name, day in (("start", start), ("end", end)):
        try:
            same = dt.date.fromisoformat(day).isoformat() == day
        except (TypeError, ValueError):
            same = False
        if not same:
            raise LedgerError(f"Run.{name} is {day!r}; expected an ISO date such as 2020-01-31")
    if start > end:
        raise LedgerError(f"the run starts on {start}, after its end on {end}")


def _check_metrics(metrics: Mapping[str, Any]) -> None:
    for name, metric in plain(metrics, "Run.metrics", empty=True).items():
        try:
            number(metric)
        except (TypeError, ValueError):
            raise LedgerError(f"Run.metrics.{name} is {metric!r}; expected numbers") from None


def _check_returns(returns: "pd.Series", where: str) -> None:
    import pandas as pd

    index = getattr(returns, "index", None)
    if not isinstance(returns, pd.Series) or not isinstance(index, pd.DatetimeIndex):
        raise LedgerError(f"{where}: expected a series by session")
    if returns.dtype != "float64":
        raise LedgerError(f"{where}: expected float64, found {returns.dtype}")
    if (
        index.tz is not None
        or index.hasnans
        or not (index.is_unique and index.is_monotonic_increasing)
    ):
        raise LedgerError(f"{where}: sessions must ascend, once each, without time zone")
