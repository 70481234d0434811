"""Assembly of the panel of a market from frames: aligned on sessions, checked, read-only."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tiltwise.calendar import Calendar
from tiltwise.errors import DataError, MissingData
from tiltwise.market import panel as panels
from tiltwise.market.macro.records import aligned_macro
from tiltwise.market.panel import Panel


def assemble(
    prices: pd.DataFrame,
    optional: Mapping[str, pd.DataFrame | None],
    benchmark: str | None,
    calendar: str,
    *,
    rates: pd.Series | float | None,
    factors: pd.DataFrame | None,
    macro: pd.DataFrame | None,
    **more: Any,
) -> Panel:
    """Return the panel of the frames that `Market.from_frames` was given.

    Parameters
    ----------
    optional : opens, raw and volumes (date x asset), by those names; None if absent.
    more : fields of `Panel` that are taken as they are.

    Raises
    ------
    DataError
        What is wrong with the frames, naming asset and date.
    """
    fields, days = _on_sessions(prices, optional, calendar)
    closes = fields["prices"]
    if benchmark is not None and benchmark not in closes.columns:
        raise MissingData(
            f"benchmark {benchmark} is not a column of prices: {', '.join(map(str, closes[:15]))}"
            f"{' ...' if len(closes) > 15 else ''}"
        )
    index = pd.DatetimeIndex(closes.index)
    assets = tuple(c for c in closes.columns if c != benchmark)
    if not assets:
        raise DataError(f"prices hold only the benchmark {benchmark}; add at least one asset")
    against = fields if benchmark else {}
    return Panel(
        index=index,
        assets=assets,
        fields={k: panels.freeze(f[list(assets)].to_numpy()) for k, f in fields.items()},
        benchmark=benchmark,
        benchmark_fields={k: panels.freeze(f[benchmark].to_numpy()) for k, f in against.items()},
        calendar=days,
        rates=panels.aligned_rates(rates, index),
        factors=None if factors is None else panels.tidy(factors, "factors").reindex(index),
        macro=None if macro is None else aligned_macro(macro),
        **more,
    )


def _on_sessions(
    prices: pd.DataFrame, optional: Mapping[str, pd.DataFrame | None], calendar: str
) -> tuple[dict[str, pd.DataFrame], Calendar]:
    """Return prices and optional fields by session, and the sessions."""
    closes = panels.tidy(prices, "prices")
    panels.check_positive(closes, "the price")
    empty = closes.columns[closes.isna().all()]
    if len(empty):
        raise DataError(f"{empty[0]} has no price on any date; drop the column")
    closes, days = panels.on_sessions(closes, calendar)
    fields = {"prices": closes}
    for name, frame in optional.items():
        fit = panels.aligned(frame, closes, name)
        if fit is not None:
            if name != "volumes":
                panels.check_positive(fit, f"the {name} price")
            fields[name] = fit
    return fields, days
