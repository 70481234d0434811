"""Strategy interface: a fit on one schedule, a decision on another.

A strategy decides what to hold after the close of a session from the market as known then. It
cannot see costs, fills or its own net asset value.
"""

import abc
import dataclasses
import hashlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import pandas as pd

from tiltwise.calendar import DAILY, YEARLY, Schedule
from tiltwise.errors import LookaheadError, StrategyError, WeightsError
from tiltwise.market.market import Market
from tiltwise.models.regimes.smoothed_marker import has_hindsight


@dataclasses.dataclass(frozen=True, eq=False)
class Decision:
    """Target weights from the next fill on, and the evidence for them.

    Attributes
    ----------
    weights : share of net asset value by asset (absent means zero; cash is one minus the sum), or
        None to send no order and keep what is held.
    evidence : what the strategy saw: scores, regimes, views, solver status.

    Raises
    ------
    LookaheadError
        If weights or evidence carry the mark of `models.regimes.smoothed_marker`.
    """

    weights: pd.Series | None
    evidence: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what was computed with later rows."""
        _refuse_hindsight(self.weights, self.evidence)

    @classmethod
    def hold(cls, evidence: Mapping[str, Any] | None = None) -> Self:
        """Return the decision to send no order."""
        return cls(None, evidence or {})

    def __repr__(self) -> str:
        if self.weights is None:
            return f"Decision(hold; evidence: {', '.join(self.evidence) or 'none'})"
        lines = [f"  {a:<8} {w:+9.4%}" for a, w in self.weights.items() if w]
        lines.append(f"  {'cash':<8} {1.0 - float(self.weights.sum()):+9.4%}")
        return "\n".join([f"Decision(evidence: {', '.join(self.evidence) or 'none'})", *lines])


@dataclasses.dataclass(frozen=True, eq=False)
class Decisions:
    """Decisions by session, as one table.

    Attributes
    ----------
    weights : frame (decision session x asset); a row of NaN is a hold.
    evidence : by name, a frame (session x asset) or a series by session.
    """

    weights: pd.DataFrame
    evidence: Mapping[str, pd.DataFrame | pd.Series] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what was computed with later rows."""
        _refuse_hindsight(self.weights, self.evidence)

    @property
    def dates(self) -> pd.DatetimeIndex:
        """Decision sessions."""
        return pd.DatetimeIndex(self.weights.index)

    def at(self, t: pd.Timestamp) -> Decision:
        """Return the decision of one session."""
        row = pd.Series(self.weights.loc[t])
        evidence = {name: table.loc[t] for name, table in self.evidence.items()}
        return Decision(None if row.isna().all() else row, evidence)

    @classmethod
    def stack(
        cls, dates: pd.DatetimeIndex, answers: Sequence[Decision], assets: Sequence[str]
    ) -> Self:
        """Return single decisions as one table, its columns in the order of `assets`."""
        index = dates.rename("date")
        columns = pd.Index(list(assets), name="asset", dtype=object)
        rows = np.full((len(answers), len(assets)), np.nan)
        for i, answer in enumerate(answers):
            if answer.weights is not None:
                rows[i] = on_assets(answer.weights, columns)
        names = dict.fromkeys(name for answer in answers for name in answer.evidence)
        evidence = {
            name: _evidence_table([a.evidence.get(name) for a in answers], index, columns)
            for name in names
        }
        return cls(pd.DataFrame(rows, index=index, columns=columns), evidence)

    @classmethod
    def concat(cls, blocks: Sequence["Decisions"]) -> Self:
        """Return the blocks one after another."""
        if len(blocks) == 1:
            return cls(blocks[0].weights, blocks[0].evidence)
        names = dict.fromkeys(name for block in blocks for name in block.evidence)
        evidence = {
            name: pd.concat([b.evidence[name] for b in blocks if name in b.evidence])
            for name in names
        }
        return cls(pd.concat([block.weights for block in blocks]), evidence)


def _refuse_hindsight(weights: Any, evidence: Mapping[str, Any]) -> None:
    for name, value in (("the weights", weights), *evidence.items()):
        if has_hindsight(value):
            raise LookaheadError(
                f"{name}: made from smoothed values, which use the sessions after the one they "
                "describe; decide with filtered ones"
            )


def on_assets(weights: pd.Series, columns: pd.Index) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return weights as an array in the order of `columns`, zero where an asset is absent."""
    if weights.index.equals(columns):
        return weights.to_numpy(dtype=np.float64)
    unknown = weights.index.difference(columns)
    if len(unknown):
        raise WeightsError(
            f"a weight for {unknown[0]}, which is not in the universe {', '.join(columns)}"
        )
    return weights.reindex(columns, fill_value=0.0).to_numpy(dtype=np.float64)


def _evidence_table(
    values: list[Any], index: pd.DatetimeIndex, columns: pd.Index
) -> pd.DataFrame | pd.Series:
    """Return one kind of evidence by session: a frame if it is by asset, else a series."""
    if any(isinstance(v, pd.Series) for v in values):
        shown = next(v.index for v in values if isinstance(v, pd.Series))
        keys = columns if set(shown) <= set(columns) else shown
        rows = [
            v.reindex(keys).to_numpy() if isinstance(v, pd.Series) else np.full(len(keys), np.nan)
            for v in values
        ]
        return pd.DataFrame(np.array(rows), index=index, columns=keys)
    return pd.Series(values, index=index)


class Strategy(abc.ABC):
    """A rule for what to hold; a final strategy is a frozen dataclass, its fields the whole rule.

    Attributes
    ----------
    universe : assets it may hold.
    lookback : most price rows `fit` sees (n rows give n - 1 returns); None for all of them.
    warmup : fewest rows `fit` needs; None for `lookback`.
    refit : sessions after whose close `fit` runs.
    decide_on : sessions after whose close `decide` runs; the first session of a run is one too.
    parts : strategies it wraps, of an overlay; see `overlays`.

    A strategy that ignores `held` may also implement `decide_many`; see `Vectorised`.
    """

    parts: tuple["Strategy", ...] = ()
    universe: tuple[str, ...]
    lookback: int | None = None
    warmup: int | None = None
    refit: Schedule = YEARLY
    decide_on: Schedule = DAILY

    def fit(self, past: Market) -> Any:
        """Return a frozen record learned from `past`, the last `lookback` rows known."""
        return None

    @abc.abstractmethod
    def decide(self, model: Any, past: Market, held: pd.Series) -> Decision:
        """Return what to hold.

        Parameters
        ----------
        model : what `fit` returned at the last refit session; of an overlay, the decisions of its
            parts at this close.
        past : the rows from the first that `fit` saw up to the close just past; without `fit`,
            the last `lookback` rows.
        held : drifted share of net asset value by asset at this close, queued orders excluded.
        """

    @property
    def fits(self) -> bool:
        """Whether the strategy learns anything."""
        return type(self).fit is not Strategy.fit

    @property
    def leaves(self) -> tuple["Strategy", ...]:
        """The strategies without parts: itself, or the leaves of its parts."""
        return tuple(leaf for part in self.parts for leaf in part.leaves) or (self,)

    @property
    def needs(self) -> int:
        """Fewest rows before the first decision."""
        return self.warmup or self.lookback or 1

    def shorter(self, rows: int) -> Self:
        """Return the strategy with a history that fits into `rows`; itself if it does.

        For trying out a protocol of many years on little data: a result of it is another rule's.
        """
        if self.needs <= rows:
            return self
        back = self.lookback if self.lookback is None else min(self.lookback, rows)
        given = {"warmup": rows, "lookback": back}
        own = {field.name for field in dataclasses.fields(self)}  # type: ignore[arg-type]
        return dataclasses.replace(self, **{k: v for k, v in given.items() if k in own})  # type: ignore[type-var]

    def describe(self) -> dict[str, Any]:
        """Return the family under "strategy", and the fields, as plain JSON values.

        A field "strategy" of an overlay stands under "part".

        Raises
        ------
        StrategyError
            If a field is not JSON, since it could then not be recorded and replayed.
        """
        fields: tuple[dataclasses.Field[Any], ...] = ()
        if dataclasses.is_dataclass(self):
            fields = dataclasses.fields(self)
        names = [field.name for field in fields]
        values = {name: _plain(getattr(self, name), f"{self.name}.{name}") for name in names}
        if "strategy" in values:  # of an overlay, whose own family takes this key
            values["part"] = values.pop("strategy")
        return {"strategy": self.family, **values}

    @property
    def name(self) -> str:
        """Class name; of a function, the function's."""
        return type(self).__name__

    @property
    def family(self) -> str:
        """Name of the strategy whose trials it counts with: its own, unless a class sets another.

        A variant of a recipe sets ``family = Recipe.__name__``. It needs fields that tell it from
        the recipe wherever the two decide differently, since `key` names the family.
        """
        return self.name

    @property
    def key(self) -> str:
        """The whole configuration as one canonical line of JSON."""
        return json.dumps(self.describe(), sort_keys=True)


@runtime_checkable
class Vectorised(Protocol):
    """A strategy that answers a block of decision sessions in one pass.

    The block lies between two refits and `past` ends at its last session, so here alone a strategy
    could look ahead: `walk_forward` replays sampled sessions through `decide` and compares bits.
    """

    def decide_many(self, model: Any, past: Market, dates: pd.DatetimeIndex) -> Decisions:
        """Return what `decide` would answer at each of `dates`, bit for bit, with its evidence."""
        ...


@dataclasses.dataclass(frozen=True)
class FromWeights(Strategy):
    """A function ``prices -> weights`` as a strategy; see `from_weights`."""

    function: Callable[[pd.DataFrame], pd.DataFrame]
    rows: str = "decided"
    universe: tuple[str, ...] = ()

    def decide(self, model: None, past: Market, held: pd.Series) -> Decision:
        """Call the function on the rows known and return its last row."""
        return self.decide_many(model, past, past.dates[-1:]).at(past.now)

    def decide_many(self, model: None, past: Market, dates: pd.DatetimeIndex) -> Decisions:
        """Call the function once and return the rows of `dates`; absent rows hold."""
        prices = past.prices
        labels = dates
        if self.rows == "held":
            # The weight earned in the session after `t` is in that session's row. Its prices
            # are not known yet, so a row is added whose prices must not matter.
            ahead = pd.DatetimeIndex([past.calendar.forward(past.now, 1)], name="date")
            last = pd.DataFrame(prices.to_numpy()[-1:], index=ahead, columns=prices.columns)
            prices = pd.concat([prices, last])
            labels = pd.DatetimeIndex(prices.index[prices.index.get_indexer(dates) + 1])
        table = self.function(prices)
        if not isinstance(table, pd.DataFrame):
            raise StrategyError(
                f"{self.name} returned a {type(table).__name__}, not a frame (date x asset)"
            )
        unknown = table.columns.difference(prices.columns)
        if len(unknown):
            raise WeightsError(f"{self.name} weighs {unknown[0]}, which is not in the market")
        rows = table.reindex(labels)
        weights = rows.reindex(columns=prices.columns, fill_value=0.0)
        weights[rows.isna().all(axis=1)] = np.nan
        return Decisions(weights.set_axis(dates, axis=0))

    @property
    def name(self) -> str:
        """Name of the function."""
        return getattr(self.function, "__name__", "function")


def from_weights(
    function: Callable[[pd.DataFrame], pd.DataFrame],
    rows: str = "decided",
    universe: Sequence[str] | None = None,
) -> FromWeights:
    """Return a ``prices -> weights`` function as a strategy.

    Parameters
    ----------
    function : takes adjusted closes (date x asset), returns weights (date x asset).
    rows : "decided": row t is the target decided after the close of t; "held": row t is the weight
        that earned the return of t. A row of NaN (or an absent one) holds.
    universe : assets whose prices it is given; None for all.

    `walk_forward` calls the function once on all prices, then again on cuts at sampled sessions,
    and raises `LookaheadError` if the rows differ.
    """
    if rows not in ("decided", "held"):
        raise StrategyError(f'rows={rows!r} must be "decided" or "held"')
    return FromWeights(function, rows, tuple(universe or ()))


def _plain(value: Any, where: str) -> Any:
    """Return a field as a JSON value."""
    if isinstance(value, Strategy):
        return value.describe()
    if isinstance(value, Schedule):
        return str(value)
    if isinstance(value, tuple | list):
        return [_plain(v, where) for v in value]
    if isinstance(value, Mapping):
        return {str(k): _plain(v, where) for k, v in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if inspect.isroutine(value):
        source = hashlib.blake2b(inspect.getsource(value).encode(), digest_size=6).hexdigest()
        return f"{value.__module__}:{value.__qualname__}@{source}"
    raise StrategyError(
        f"{where} is a {type(value).__name__}; a strategy's fields must be numbers, text, "
        "schedules, strategies or tuples of them"
    )
