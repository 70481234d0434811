"""Running statistics of columns of returns, for features.

Every kernel walks down the rows once and writes each row from the rows up to it, so the bits
of a row do not depend on the rows after it. All share two rules: a missing (NaN) input ages the
past but adds nothing to it, and a row is NaN until ``least`` values have been seen.
"""

import math

import numpy as np
import pandas as pd

from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.jit import kernel


def decay(half_life: float) -> float:
    """Return the factor per row with which a weight halves over `half_life` rows."""
    if not half_life > 0.0:
        raise ValueError(f"a half-life is positive, got {half_life}")
    return float(0.5 ** (1.0 / half_life))


@kernel()
def fading_mean(rows, factor, least, out):  # type: ignore[no-untyped-def]
    """Means of columns in which the value k rows back has weight ``factor ** k``."""
    for i in range(rows.shape[1]):
        total, weight, seen = 0.0, 0.0, 0
        for t in range(rows.shape[0]):
            value = rows[t, i]
            total *= factor
            weight *= factor
            if value == value:
                total += value
                weight += 1.0
                seen += 1
            out[t, i] = total / weight if seen >= least else np.nan


def fading_mean_reference(rows: Floats, factor: float, least: int) -> Floats:
    """Return the same from pandas."""
    life = math.log(0.5) / math.log(factor)
    mean = pd.DataFrame(rows).ewm(halflife=life, adjust=True, ignore_na=False).mean()
    return np.where(_seen(rows) >= least, mean.to_numpy(), np.nan)


@kernel()
def fading_deviation(rows, factor, least, out):  # type: ignore[no-untyped-def]
    """Standard deviations of columns around their `fading_mean`."""
    for i in range(rows.shape[1]):
        mean, total, weight, seen = 0.0, 0.0, 0.0, 0
        for t in range(rows.shape[0]):
            value = rows[t, i]
            total *= factor
            weight *= factor
            if value == value:
                old = weight
                weight += 1.0
                change = value - mean
                mean += change / weight
                total += change * change * old / weight
                seen += 1
            out[t, i] = math.sqrt(total / weight) if seen >= least else np.nan


def fading_deviation_reference(rows: Floats, factor: float, least: int) -> Floats:
    """Return the same from pandas."""
    life = math.log(0.5) / math.log(factor)
    spread = pd.DataFrame(rows).ewm(halflife=life, adjust=True, ignore_na=False).std(bias=True)
    return np.where(_seen(rows) >= least, spread.to_numpy(), np.nan)


@kernel()
def fading_downside(rows, factor, least, floor, out):  # type: ignore[no-untyped-def]
    """Logarithms of the root of the fading mean of ``min(value, 0) ** 2``, at least of `floor`."""
    for i in range(rows.shape[1]):
        total, weight, seen = 0.0, 0.0, 0
        for t in range(rows.shape[0]):
            value = rows[t, i]
            total *= factor
            weight *= factor
            if value == value:
                loss = min(value, 0.0)
                total += loss * loss
                weight += 1.0
                seen += 1
            if seen >= least:
                out[t, i] = math.log(max(math.sqrt(total / weight), floor))
            else:
                out[t, i] = np.nan


def fading_downside_reference(rows: Floats, factor: float, least: int, floor: float) -> Floats:
    """Return the same from pandas."""
    mean = fading_mean_reference(np.minimum(rows, 0.0) ** 2, factor, least)
    return np.log(np.maximum(np.sqrt(mean), floor))


@kernel()
def fading_beta(rows, against, factor, least, out):  # type: ignore[no-untyped-def]
    """Slopes of columns on the one column of `against`, from the rows where both are known."""
    for i in range(rows.shape[1]):
        mean_x, mean_y, xx, xy, weight, seen = 0.0, 0.0, 0.0, 0.0, 0.0, 0
        for t in range(rows.shape[0]):
            y, x = rows[t, i], against[t, 0]
            xx *= factor
            xy *= factor
            weight *= factor
            if x == x and y == y:
                old = weight
                weight += 1.0
                change_x, change_y = x - mean_x, y - mean_y
                mean_x += change_x / weight
                mean_y += change_y / weight
                xx += change_x * change_x * old / weight
                xy += change_x * change_y * old / weight
                seen += 1
            out[t, i] = xy / xx if seen >= least and xx > 0.0 else np.nan


def fading_beta_reference(rows: Floats, against: Floats, factor: float, least: int) -> Floats:
    """Return the same with the weights written out anew for every row."""
    out = np.full(rows.shape, np.nan)
    for t, i in np.ndindex(rows.shape):
        y, x = rows[: t + 1, i], against[: t + 1, 0]
        both = ~np.isnan(x + y)
        if both.sum() < least:
            continue
        weight = (factor ** np.arange(t, -1, -1.0))[both]
        weight /= weight.sum()
        x, y = x[both] - weight @ x[both], y[both] - weight @ y[both]
        out[t, i] = (weight * x) @ y / ((weight * x) @ x)
    return out


@kernel()
def compounded(rows, started, out):  # type: ignore[no-untyped-def]
    """Indices that grow with the returns of columns, 1 at the first row marked in ``started``.

    A missing return leaves the index where it was.
    """
    for i in range(rows.shape[1]):
        level = np.nan
        for t in range(rows.shape[0]):
            if level == level:
                if rows[t, i] == rows[t, i]:
                    level *= 1.0 + rows[t, i]
            elif started[t, i]:
                level = 1.0
            out[t, i] = level


def compounded_reference(rows: Floats, started: Floats) -> Floats:
    """Return the same from running products."""
    begun = np.maximum.accumulate(started.astype(bool), axis=0)
    before = np.concatenate([np.zeros((1, rows.shape[1]), bool), begun[:-1]])
    growth = np.where(before & ~np.isnan(rows), 1.0 + rows, 1.0)
    return np.where(begun, np.cumprod(growth, axis=0), np.nan)


@kernel()
def relative_strength(index, window, out):  # type: ignore[no-untyped-def]
    """Wilder's index of gains over gains and losses, 0 to 100; 50 where nothing moved.

    The averages start as plain means of the first `window` changes and then take in each change
    with weight ``1 / window``, as Wilder (1978) has it: that is no half-life.
    """
    for i in range(index.shape[1]):
        gain, loss, seen = 0.0, 0.0, 0
        for t in range(index.shape[0]):
            out[t, i] = np.nan
            if t == 0 or np.isnan(index[t - 1, i]):
                continue
            change = index[t, i] - index[t - 1, i]
            up, down = max(change, 0.0), max(-change, 0.0)
            seen += 1
            if seen <= window:
                gain += up / window
                loss += down / window
            else:
                gain += (up - gain) / window
                loss += (down - loss) / window
            if seen >= window:
                total = gain + loss
                out[t, i] = 100.0 * (gain / total) if total > 0.0 else 50.0


def relative_strength_reference(index: Floats, window: int) -> Floats:
    """Return the same, one column and change at a time."""
    out = np.full(index.shape, np.nan)
    for i, column in enumerate(index.T):
        first = int(np.argmax(~np.isnan(column)))
        change = np.diff(column[first:])
        if len(change) < window:
            continue
        sides = [np.maximum(change, 0.0), np.maximum(-change, 0.0)]
        means = [side[:window].mean() for side in sides]
        for t in range(window - 1, len(change)):
            if t >= window:
                means = [(m * (window - 1) + s[t]) / window for m, s in zip(means, sides)]  # noqa: B905
            total = sum(means)
            out[first + 1 + t, i] = 100.0 * means[0] / total if total > 0.0 else 50.0
    return out


@kernel()
def stochastic(index, window, out):  # type: ignore[no-untyped-def]
    """Place of a value between the least and largest of the last `window`, 0 to 100; 50 if flat."""
    for i in range(index.shape[1]):
        for t in range(index.shape[0]):
            out[t, i] = np.nan
            if t < window - 1 or np.isnan(index[t - window + 1, i]):
                continue
            low, high = index[t, i], index[t, i]
            for s in range(t - window + 1, t):
                low, high = min(low, index[s, i]), max(high, index[s, i])
            span = high - low
            out[t, i] = 100.0 * ((index[t, i] - low) / span) if span > 0.0 else 50.0


def stochastic_reference(index: Floats, window: int) -> Floats:
    """Return the same from sliding windows."""
    out = np.full(index.shape, np.nan)
    if len(index) >= window:
        views = np.lib.stride_tricks.sliding_window_view(index, window, axis=0)
        low, high = views.min(axis=-1), views.max(axis=-1)
        with np.errstate(invalid="ignore"):
            place = 100.0 * (index[window - 1 :] - low) / (high - low)
        out[window - 1 :] = np.where(high == low, 50.0, place)
    return out


@kernel()
def log_levels(index, out):  # type: ignore[no-untyped-def]
    """Natural logarithms, one value at a time: vector instructions round by their length."""
    for t in range(index.shape[0]):
        for i in range(index.shape[1]):
            out[t, i] = math.log(index[t, i])


def log_levels_reference(index: Floats) -> Floats:
    """Return the same from NumPy."""
    return np.log(index)


def _seen(rows: Floats) -> Floats:
    """Count the values known up to each row."""
    return np.asarray((~np.isnan(rows)).cumsum(axis=0), dtype=np.float64)
