"""Data quality checks; each yields its findings.

Severities: ``error`` makes data unusable, ``warning`` needs a look, ``info`` is a fact.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd

from tiltwise.calendar import Calendar
from tiltwise.kernels.arrays import Flags, Floats

Severity: TypeAlias = Literal["info", "warning", "error"]

STALE_RUN = 3  # identical closes in a row
STALE_ERROR = 10  # and from here on a feed that stopped rather than an asset that did not trade
SPLITS = (2.0, 3.0, 4.0, 5.0, 10.0)
SPLIT_TOLERANCE = 0.03
UNIT = 100.0
UNIT_TOLERANCE = 0.15
LEVEL_SESSIONS = 5  # a level has shifted if the median of so many prices on each side has
OUTLIER_SIGMAS = 10.0
OUTLIER_RETURN = 0.20
THIN_VOLUME = 0.25  # share of the usual volume below which a last row looks unfinished
SPARSE = 0.2  # share of missing sessions beyond which the data is not daily


@dataclasses.dataclass(frozen=True)
class Finding:
    """Result of a check; `asset` is None if it concerns a row, `date` if it concerns no row."""

    kind: str
    severity: Severity
    asset: str | None
    date: pd.Timestamp | None
    detail: str

    @property
    def action(self) -> str:
        """Advice on the finding. Prices are never altered: a crash can look like an error."""
        if self.severity == "error":
            return "not for use: mend the source"
        return "kept as it is" if self.severity == "info" else "kept as it is: look at the source"


@dataclasses.dataclass(frozen=True, eq=False)
class Examined:
    """Arrays (sessions, assets) under examination, dates strictly increasing.

    Attributes
    ----------
    index, assets
        Rows and columns.
    prices
        Closes, those that are infinite or not positive blanked.
    silent
        Where the source has no price.
    opens, volumes
        Where given.
    calendar
        Of the sessions expected; None expects none.
    """

    index: pd.DatetimeIndex
    assets: tuple[str, ...]
    prices: Floats
    silent: Flags
    opens: Floats | None
    volumes: Floats | None
    calendar: Calendar | None

    @property
    def filled(self) -> Flags:
        """Rows in which some asset printed."""
        return np.asarray(~self.silent.all(axis=1))


# --- rows ---------------------------------------------------------------------------------------


def order(index: pd.DatetimeIndex) -> Iterator[Finding]:
    """Repeated dates, and dates below a later one."""
    for date in index[index.duplicated()].unique():
        detail = f"{int((index == date).sum())} rows for one session; the last is examined"
        yield Finding("duplicate_date", "error", None, date, detail)
    for row in (np.flatnonzero(np.diff(index.asi8) < 0) + 1).tolist():
        detail = f"row {row + 1} stands below {index[row - 1]:%Y-%m-%d}"
        yield Finding("unsorted_date", "error", None, index[row], detail)


def values(prices: pd.DataFrame) -> Iterator[Finding]:
    """Impossible prices: one finding per asset, at the first."""
    cells = prices.to_numpy(dtype=np.float64)
    dates = pd.DatetimeIndex(prices.index)
    kinds = {"non_positive": cells <= 0, "infinite": np.isposinf(cells)}
    for kind, bad in kinds.items():
        for j in np.flatnonzero(bad.any(axis=0)).tolist():
            row = int(bad[:, j].argmax())
            detail = f"{cells[row, j]:g}; {int(bad[:, j].sum())} such prices"
            yield Finding(kind, "error", str(prices.columns[j]), dates[row], detail)


def sessions(panel: Examined) -> Iterator[Finding]:
    """Sessions without a row (or with an empty one), one finding per run; rows on other days."""
    index, calendar = panel.index, panel.calendar
    if calendar is None or index[-1] < calendar.start:
        return
    expected = calendar.between(max(index[0], calendar.start), index[-1])
    unexpected = index[index >= calendar.start].difference(expected)
    for date in unexpected[:1]:
        detail = f"no session of {calendar.name}; {len(unexpected)} such rows"
        yield Finding("not_a_session", "error", None, date, detail)
    absent = ~expected.isin(index[panel.filled])
    if absent.mean() > SPARSE:
        detail = f"{absent.sum()} of {len(expected)} sessions of {calendar.name} have no row: "
        detail += "not daily data? (calendar='rows' expects no sessions)"
        yield Finding("missing_session", "warning", None, expected[int(absent.argmax())], detail)
        return
    for start, stop in _runs(absent):
        detail = f"{stop - start} session(s) without prices"
        yield Finding("missing_session", "warning", None, expected[start], detail)


# --- single assets ------------------------------------------------------------------------------


def _runs(flags: Flags) -> list[tuple[int, int]]:
    """Half-open row ranges in which the flags are set."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def ends(panel: Examined) -> Iterator[Finding]:
    """First and last print of each asset, or that there is none."""
    usable = ~np.isnan(panel.prices)
    for j, asset in enumerate(panel.assets):
        rows = np.flatnonzero(usable[:, j]).tolist()
        if not rows:
            yield Finding("all_nan", "error", asset, None, "no usable price on any date")
            continue
        first, last = panel.index[rows[0]], panel.index[rows[-1]]
        early = "" if rows[-1] == len(panel.index) - 1 else ", before the last row"
        detail = f"{first:%Y-%m-%d} to {last:%Y-%m-%d}{early}; {len(rows)} prices"
        yield Finding("first_last", "info", asset, first, detail)


def gaps(panel: Examined) -> Iterator[Finding]:
    """Rows without a price between the first and the last print, one finding per run."""
    silent, index = panel.silent[panel.filled], panel.index[panel.filled]
    for j, asset in enumerate(panel.assets):
        for start, stop in _runs(silent[:, j]):
            if start > 0 and stop < len(silent):
                detail = f"{stop - start} row(s) without a price while others printed"
                yield Finding("gap", "warning", asset, index[start], detail)


def stale(panel: Examined) -> Iterator[Finding]:
    """Runs of identical closes; a long one means that the feed stopped."""
    same = panel.prices[1:] == panel.prices[:-1]
    for j in np.flatnonzero(same.any(axis=0)).tolist():
        for start, stop in _runs(same[:, j]):
            closes = stop - start + 1
            if closes >= STALE_RUN:
                severity: Severity = "error" if closes >= STALE_ERROR else "warning"
                detail = f"{closes} identical closes of {panel.prices[start, j]:g} in a row"
                asset = panel.assets[j]
                yield Finding("stale_run", severity, asset, panel.index[start], detail)


def jumps(panel: Examined) -> Iterator[Finding]:
    """Level shifts that look like a split or a change of unit, and other extreme returns."""
    prices, index = _carried(panel.prices[panel.filled]), panel.index[panel.filled]
    moves = np.diff(np.log(prices), axis=0)
    for j, asset in enumerate(panel.assets):
        move = moves[:, j]
        usual = np.abs(move[np.isfinite(move) & (move != 0.0)])
        if not len(usual):
            continue
        sigma = 1.4826 * float(np.median(usual))
        for row in np.flatnonzero(np.abs(move) > np.log1p(OUTLIER_RETURN)).tolist():
            others = np.delete(moves[row], j)
            others = others[np.isfinite(others)]
            common = float(np.median(others)) if len(others) else 0.0
            jump = _jump(float(move[row]), common, _shift(prices[:, j], row + 1), sigma)
            if jump is not None:
                yield Finding(jump[0], jump[1], asset, index[row + 1], jump[2])


def _carried(prices: Floats) -> Floats:
    """Last known prices, so that a jump across a gap is seen."""
    return np.asarray(pd.DataFrame(prices).ffill().to_numpy())


def _shift(prices: Floats, row: int) -> float:
    """Log ratio of the median price of the sessions from `row` on to that of those before."""
    after, before = prices[row : row + LEVEL_SESSIONS], prices[max(row - LEVEL_SESSIONS, 0) : row]
    return float(np.log(np.nanmedian(after) / np.nanmedian(before)))


def _jump(
    move: float, common: float, shift: float, sigma: float
) -> tuple[str, Severity, str] | None:
    """Name a one-day log move, given what the others did and by how much the level shifted."""
    ratio = float(np.exp(move))
    factor = max(ratio, 1 / ratio)
    stayed = abs(shift - move) < 0.3
    if abs(factor / UNIT - 1) < UNIT_TOLERANCE:
        after = "stays there" if stayed else "comes back"
        return "unit_change", "error", f"the level changes by a factor of {ratio:.4g} and {after}"
    nearest = min(SPLITS, key=lambda k: abs(factor / k - 1))
    alone = abs(common) < abs(move) / 4
    if stayed and alone and abs(factor / nearest - 1) < SPLIT_TOLERANCE:
        near = f"{nearest:g}" if ratio > 1 else f"1/{nearest:g}"
        detail = f"price times {ratio:.4f}, near {near}; the others times {np.exp(common):.4f}"
        return "split_like_jump", "warning", detail
    if abs(move) > OUTLIER_SIGMAS * sigma and abs(ratio - 1) > OUTLIER_RETURN:
        detail = f"return {ratio - 1:+.1%}, {abs(move) / sigma:.0f} robust sigmas"
        if abs(shift) < abs(move) / 4:
            return "outlier", "warning", detail + ", and the level is soon back"
        return "outlier", "info", detail
    return None


# --- the last row -------------------------------------------------------------------------------


def last_bar(panel: Examined) -> Iterator[Finding]:
    """Signs that the last row was taken while the market was open."""
    if len(panel.index) < 2:
        return
    last, before = panel.prices[-1], panel.prices[-2]
    alive = ~np.isnan(before)
    silent = alive & np.isnan(last)
    signs = []
    if silent.any() and not silent[alive].all():
        signs.append(f"{_names(panel, silent)} printed the session before and not yet in this one")
    if _most(last[alive] == before[alive]):
        signs.append("most closes repeat those of the session before")
    if panel.opens is not None and _most(panel.opens[-1][alive] == last[alive]):
        signs.append("most closes equal their open")
    thin = _thin(panel)
    if thin is not None:
        signs.append(f"volume is {thin:.0%} of the median of the 20 sessions before")
    for sign in signs:
        yield Finding("partial_last_bar", "warning", None, panel.index[-1], sign)


def _most(flags: Flags) -> bool:
    """Whether more than half are set; of one or two assets that may be chance."""
    return len(flags) > 2 and bool(flags.mean() > 0.5)


def _names(panel: Examined, chosen: Flags) -> str:
    names = [panel.assets[j] for j in np.flatnonzero(chosen)]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _thin(panel: Examined) -> float | None:
    """Median over assets of last volume to usual volume, if low on a full session."""
    if panel.volumes is None or len(panel.volumes) < 21:
        return None
    recent = panel.volumes[-21:-1]
    known = (recent > 0).any(axis=0) & ~np.isnan(panel.volumes[-1])
    if not known.any():
        return None
    share = float(np.median(panel.volumes[-1, known] / np.nanmedian(recent[:, known], axis=0)))
    half_day = panel.calendar is not None and panel.index[-1] in panel.calendar.half_days
    return share if share < THIN_VOLUME and not half_day else None


ON_ROWS_IN_ORDER: tuple[Callable[[Examined], Iterator[Finding]], ...] = (
    sessions, ends, gaps, stale, jumps, last_bar,
)  # fmt: skip
