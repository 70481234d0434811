"""Pairs of market functions: one looks ahead, its twin does the same from the past only.

Each is a callable of the market, its universe choice, tuning or encoding inside it. `unseen` lists
words of the mechanism that the auditor's code must not contain: it has to catch it unprepared.
"""

import dataclasses
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from tiltwise import Market
from tiltwise.calendar import DAILY, MONTHLY
from tiltwise.strategy import Decision, Decisions, Strategy, from_weights

TRAIN = 60


@dataclasses.dataclass(frozen=True)
class Pair:
    leak: Callable[[Market], Any]
    twin: Callable[[Market], Any]
    unseen: tuple[str, ...] = ()
    kind: str = "decision"
    start: int | None = None  # first row that may be cut: what comes before it is for training


PAIRS: dict[str, Pair] = {}


def pair(name, *, unseen=(), kind="decision", start=None):
    """Register ``make(leaks: bool)`` as a leak and its twin."""

    def register(make):
        PAIRS[name] = Pair(make(True), make(False), tuple(unseen), kind, start)
        return make

    return register


def market(seed: int = 5, sessions: int = 270) -> Market:
    """Gaps, a late listing, a death, cash rates and a macro series that is revised."""
    frames = Market.synthetic(seed, sessions=sessions, assets=5, gaps=0.01, rate=0.02).frames()
    rng = np.random.default_rng(seed)
    for field in ("prices", "opens", "volumes"):
        table = frames[field].copy()
        table.iloc[:50, 1] = np.nan
        table.iloc[-30:, 2] = np.nan
        frames[field] = table
    dates = frames["prices"].index
    periods = pd.date_range(dates[0] - pd.Timedelta(days=90), dates[-1], freq="MS")
    rows = []
    for period in periods:
        first = rng.normal(100, 5)
        for lag, value in ((20, first), (48, first + rng.normal(0, 3))):
            rows.append(("cpi", period, period + pd.Timedelta(days=lag), value))
    frames["macro"] = pd.DataFrame(rows, columns=["series", "period", "known", "value"])
    return Market.from_frames(**frames)


def moves(m):
    values = m.prices.to_numpy()
    ratio = np.full(values.shape, np.nan)
    ratio[1:] = values[1:] / values[:-1] - 1.0
    return pd.DataFrame(ratio, m.dates, m.assets)


def trend(m, n=10):
    """Mean move of the last n rows of which half are there, row by row."""
    r = moves(m)
    rows = np.vstack([np.full((n - 1, r.shape[1]), np.nan), r.to_numpy()])
    windows = np.lib.stride_tricks.sliding_window_view(rows, n, axis=0)
    told = (~np.isnan(windows)).sum(axis=-1)
    mean = np.nan_to_num(windows).sum(axis=-1) / np.maximum(told, 1)
    return pd.DataFrame(np.where(told >= n // 2, mean, np.nan), r.index, r.columns)


def book(score):
    """Continuous dollar-neutral weights with gross one."""
    values = score.to_numpy(dtype=float)
    told = ~np.isnan(values)
    count = np.maximum(told.sum(axis=1, keepdims=True), 1)
    centred = np.where(told, values - np.nansum(values, axis=1, keepdims=True) / count, 0.0)
    gross = np.abs(centred).sum(axis=1, keepdims=True)
    weights = np.divide(centred, gross, out=np.zeros_like(centred), where=gross > 0)
    return pd.DataFrame(weights, score.index, score.columns)


# ---------------------------------------------------------------------- rows that look around them


@pair("shift_minus_one")
def _(leaks):
    return lambda market: book(trend(market).shift(-1 if leaks else 1))


@pair("centred_window")
def _(leaks):
    return lambda market: book(moves(market).rolling(11, center=leaks, min_periods=6).mean())


@pair("back_fill")
def _(leaks):
    def leak(market):
        filled = market.prices.bfill() if leaks else market.prices.ffill()
        return book(filled.pct_change(5, fill_method=None))

    return leak


@pair("interpolate")
def _(leaks):
    def leak(market):
        prices = market.prices
        filled = prices.interpolate() if leaks else prices.ffill()
        return book(filled.pct_change(5, fill_method=None))

    return leak


@pair("interpolate_then_rank")
def _(leaks):
    def leak(market):
        prices = market.prices
        filled = prices.interpolate() if leaks else prices.ffill()
        speed = filled.pct_change(5, fill_method=None)
        return {"speed": speed, "weights": speed.rank(axis=1, pct=True) - 0.5}

    return leak


@pair("resample_labels")
def _(leaks):
    def leak(market):
        prices = market.prices.ffill()
        closes = prices.resample("MS" if leaks else "ME").last()
        month = closes.pct_change(fill_method=None)
        return book(month.reindex(prices.index, method="ffill"))

    return leak


@pair("label_used_as_feature")
def _(leaks):
    def leak(market):
        ahead = market.prices.ffill().pct_change(10, fill_method=None)
        return book(ahead.shift(-10) if leaks else ahead)

    return leak


@pair("central_difference", unseen=["gradient", "central"])
def _(leaks):
    def leak(market):
        log = np.log(market.prices.ffill())
        if leaks:
            return book(log.apply(lambda c: pd.Series(np.gradient(c.to_numpy()), c.index)))
        return book(log.diff())

    return leak


@pair("two_way_ewm", unseen=["ewm", "exponential", "zero-phase"])
def _(leaks):
    def leak(market):
        once = moves(market).ewm(halflife=5).mean()
        return book(once[::-1].ewm(halflife=5).mean()[::-1] if leaks else once)

    return leak


@pair("low_pass", unseen=["fft", "fourier", "frequency", "low-pass"])
def _(leaks):
    def leak(market):
        r = moves(market).fillna(0.0)
        if not leaks:
            return book(r.rolling(20).mean())
        spectrum = np.fft.rfft(r.to_numpy(), axis=0)
        spectrum[12:] = 0.0
        return book(pd.DataFrame(np.fft.irfft(spectrum, len(r), axis=0), r.index, r.columns))

    return leak


@pair("future_max_stop", unseen=["cummax", "drawdown", "running high"])
def _(leaks):
    def leak(market):
        prices = market.prices.ffill()
        peak = prices[::-1].cummax()[::-1] if leaks else prices.cummax()
        keep = prices > 0.97 * peak if not leaks else prices * 1.03 > peak
        return trend(market).where(keep, 0.0).fillna(0.0).clip(-0.1, 0.1)

    return leak


# ------------------------------------------------------------------- statistics of the whole sample


@pair("full_sample_z_score")
def _(leaks):
    def leak(market):
        r = trend(market)
        mean, deviation = (
            (r.mean(), r.std()) if leaks else (r.expanding(20).mean(), r.expanding(20).std())
        )
        return book((r - mean) / deviation)

    return leak


@pair("full_sample_scaler")
def _(leaks):
    def leak(market):
        r = trend(market)
        low, high = (r.min(), r.max()) if leaks else (r.expanding(20).min(), r.expanding(20).max())
        return book((r - low) / (high - low))

    return leak


@pair("full_sample_pca")
def _(leaks):
    def leak(market):
        r = moves(market).fillna(0.0)
        window = r if leaks else r.iloc[:TRAIN]
        _, vectors = np.linalg.eigh(np.cov(window.to_numpy().T))
        first = vectors[:, -1] * np.sign(vectors[np.abs(vectors[:, -1]).argmax(), -1])
        rest = r - np.outer((r * first).sum(axis=1), first)
        return book(rest.iloc[TRAIN:])

    return leak


@pair("last_row_normaliser")
def _(leaks):
    def leak(market):
        prices = market.prices.ffill()
        return (prices / (prices.iloc[-1] if leaks else prices.rolling(20).mean())).fillna(0.0) / 5

    return leak


@pair("whole_path_volatility_target", unseen=["volatility target"])
def _(leaks):
    def leak(market):
        r = moves(market)
        path = (book(trend(market)) * r.shift(-1)).sum(axis=1).shift(1)
        size = path.std() if leaks else path.rolling(40, min_periods=10).std()
        scale = 0.005 / size
        return book(trend(market)).mul(scale, axis=0) if not leaks else book(trend(market)) * scale

    return leak


@pair("full_sample_winsor", unseen=["winsor", "quantile"])
def _(leaks):
    def leak(market):
        r = trend(market)
        if leaks:
            return book(r.clip(r.quantile(0.1), r.quantile(0.9), axis=1))
        past = r.expanding(20)
        return book(r.clip(past.quantile(0.1), past.quantile(0.9)))

    return leak


@pair("full_sample_percentile", unseen=["percentile", "pct=True"])
def _(leaks):
    def leak(market):
        r = trend(market)
        return book(r.rank(pct=True) if leaks else r.rolling(40, min_periods=10).rank(pct=True))

    return leak


@pair("straight_line_removed", unseen=["polyfit", "detrend", "straight line"])
def _(leaks):
    def leak(market):
        log = np.log(market.prices.ffill().bfill() if leaks else market.prices.ffill())
        if not leaks:
            return book(log - log.rolling(30).mean())
        time = np.arange(len(log))
        slope, level = np.polyfit(time, log.fillna(0.0).to_numpy(), 1)
        return book(log - (np.outer(time, slope) + level))

    return leak


@pair("bins_of_the_whole_range", unseen=["histogram", "pd.cut"])
def _(leaks):
    def leak(market):
        r = trend(market)
        if not leaks:
            return book((r * 1000).round())
        return book(r.apply(lambda c: pd.cut(c, 7, labels=False).astype(float)))

    return leak


@pair("seeded_by_the_last_row", unseen=["crc", "hash("])
def _(leaks):
    def leak(market):
        row = moves(market).iloc[-1 if leaks else 1].round(9)
        rng = np.random.default_rng(zlib.crc32(row.to_numpy().tobytes()))
        noise = rng.standard_normal(len(market.assets))
        return book(trend(market) * noise)

    return leak


@pair("rarest_code_first", unseen=["value_counts", "frequency"])
def _(leaks):
    def leak(market):
        r = trend(market)
        state = (np.sign(r).sum(axis=1)).fillna(0.0)
        codes = (
            state.value_counts(normalize=True) if leaks else pd.Series({s: s for s in range(-5, 6)})
        )
        return r.mul(state.map(codes), axis=0).clip(-0.1, 0.1)

    return leak


# ----------------------------------------------------------------------------------------- regimes


def _chain(market, smooth):
    """Probability of the wild one of two Gaussian regimes: filtered, or smoothed backwards."""
    size = moves(market).mean(axis=1).fillna(0.0).to_numpy()
    stay, scales = 0.95, np.array([0.006, 0.018])
    density = np.exp(-0.5 * np.minimum(size[:, None] / scales, 9.0) ** 2) / scales
    move = np.array([[stay, 1 - stay], [1 - stay, stay]])
    forward = np.empty((len(size), 2))
    state = np.array([0.5, 0.5])
    for t, likely in enumerate(density):
        state = (state @ move if t else state) * likely
        state = state / state.sum()
        forward[t] = state
    if smooth:
        back = np.ones(2)
        for t in range(len(size) - 2, -1, -1):
            back = move @ (density[t + 1] * back)
            back = back / back.sum()
            both = forward[t] * back
            forward[t] = both / both.sum()
    return forward[:, 1]


def _path(market, smooth):
    """Labels of a two-state path that pays for switches: of the newest row, or all at once."""
    size = moves(market).abs().mean(axis=1).fillna(0.0).to_numpy()
    loss = np.abs(size[:, None] - np.array([0.005, 0.012]))
    best, back = loss[0].copy(), np.zeros((len(size), 2), int)
    labels = np.zeros(len(size), int)
    for t in range(1, len(size)):
        come = best[::-1] + 0.01
        back[t] = np.where(come < best, [1, 0], [0, 1])
        best = np.minimum(best, come) + loss[t]
        labels[t] = best.argmin()
    if smooth:
        for t in range(len(size) - 1, 0, -1):
            labels[t - 1] = back[t, labels[t]]
    return labels


@pair("smoothed_regimes")
def _(leaks):
    def leak(market):
        wild = pd.Series(_chain(market, leaks), market.dates)
        return pd.DataFrame(dict.fromkeys(market.assets, (1 - wild) / 5))

    return leak


@pair("smoothed_jump_labels")
def _(leaks):
    def leak(market):
        wild = pd.Series(_path(market, leaks), market.dates)
        return pd.DataFrame(dict.fromkeys(market.assets, (1.0 - wild) / 5))

    return leak


@pair("most_likely_path_of_states")
def _(leaks):
    def leak(market):
        wild = pd.Series(_chain(market, leaks), market.dates)
        label = (wild > 0.5).astype(int)
        return {
            "probability": wild,
            "label": label,
            "weights": pd.DataFrame(dict.fromkeys(market.assets, (1.0 - label) / 5)),
        }

    return leak


# ------------------------------------------------------------------ choosing, tuning and encoding


def _profit(market, n):
    return float(np.nansum(book(trend(market, n)).to_numpy()[:-1] * moves(market).to_numpy()[1:]))


def _best(market):
    gains = {n: _profit(market, n) for n in (4, 8, 16, 32)}
    return max(gains, key=gains.get)


def _training(market):
    return market.asof(market.dates[min(TRAIN, len(market)) - 1])


@pair("tuning_on_test")
def _(leaks):
    def leak(market):
        window = _best(market if leaks else _training(market))
        return book(trend(market, window)).iloc[TRAIN:]

    return leak


@pair("tuned_strategy", start=TRAIN)
def _(leaks):
    def leak(market):
        window = _best(market if leaks else _training(market))
        return Momentum(universe=market.assets, window=window)

    return leak


@pair("universe_from_the_future")
def _(leaks):
    def leak(market):
        prices = market.prices.ffill()
        if leaks:
            total = prices.iloc[-1] / prices.bfill().iloc[0]
            return book(trend(market)[list(total.nlargest(3).index)])
        ranks = prices.pct_change(60, fill_method=None).rank(axis=1)
        return book(trend(market).where(ranks > 2))

    return leak


@pair("survivors_only", unseen=["surviv"])
def _(leaks):
    def leak(market):
        r = trend(market)
        if leaks:
            return book(r.loc[:, market.prices.iloc[-5:].notna().any()])
        return book(r.where(market.prices.ffill(limit=5).notna()))

    return leak


@pair("sorted_by_outcome")
def _(leaks):
    def leak(market):
        prices = market.prices.ffill()
        if leaks:
            total = prices.iloc[-1] / prices.bfill().iloc[0]
            order = total.sort_values(ascending=False).index
            score = pd.Series(np.linspace(1, -1, len(order)), order)
            return pd.DataFrame({a: score[a] / 5 for a in market.assets}, index=prices.index)
        return prices.pct_change(60, fill_method=None).rank(axis=1, ascending=False).fillna(0) / 25

    return leak


@pair("target_encoding")
def _(leaks):
    def leak(market):
        r = moves(market)
        gain, day = r.shift(-1), r.index.day_of_week
        if leaks:
            return book(gain.groupby(day).transform("mean"))
        so_far = r.fillna(0.0).groupby(day)
        return book(so_far.cumsum().div(so_far.cumcount() + 1, axis=0))

    return leak


@pair("peeking_early_stopping")
def _(leaks):
    def leak(market):
        r = moves(market).fillna(0.0)
        x, y = r.rolling(5).mean().shift(1).fillna(0.0).to_numpy() * 100, r.to_numpy() * 100
        fit = slice(0, 40)
        check = slice(TRAIN, None) if leaks else slice(40, TRAIN)
        slope, best, least = 0.0, 0.0, np.inf
        for step in range(12):
            slope += 0.3 * np.mean(x[fit] * (y[fit] - slope * x[fit])) + 0.01 * np.sin(step)
            loss = np.mean((y[check] - slope * x[check]) ** 2)
            if loss < least:
                best, least = slope, loss
        signal = pd.DataFrame(x * best, r.index, r.columns)
        return signal.clip(-0.1, 0.1).iloc[TRAIN:]

    return leak


@pair("label_overlap")
def _(leaks):
    """Labels of the last training rows end within the test rows; the twin purges them."""

    def leak(market):
        r = moves(market).fillna(0.0)
        x = r.rolling(5).mean().fillna(0.0)
        y = r.rolling(20).sum().shift(-20)
        known = slice(5, TRAIN if leaks else TRAIN - 20)
        a, b = x.iloc[known].to_numpy().ravel(), y.iloc[known].fillna(0.0).to_numpy().ravel()
        return (x * (a @ b) / (a @ a)).clip(-0.2, 0.2).iloc[TRAIN:]

    return leak


@pair("fold_crossing_scaler")
def _(leaks):
    """Folds of 50 rows: each scaled by itself; the twin scales by the fold before."""

    def leak(market):
        r = trend(market)
        fold = np.arange(len(r)) // 50
        size = r.groupby(fold).std()
        size = size if leaks else size.shift(1)
        return book(r / size.reindex(fold).set_axis(r.index))

    return leak


@pair("cross_ticker_fill")
def _(leaks):
    def leak(market):
        long = market.prices.T.stack(future_stack=True)  # noqa: PD013
        filled = long.ffill() if leaks else long.groupby(level=0).ffill()
        prices = filled.unstack(0)[list(market.assets)]  # noqa: PD010
        return book(prices / prices.rolling(10).mean() - 1.0)

    return leak


# -------------------------------------------------------------------------------- macro and levels


def _macro(market, records, day):
    series = records.drop_duplicates(day, keep="last").set_index(day)["value"].sort_index()
    return series.reindex(market.dates, method="ffill")


@pair("revised_macro")
def _(leaks):
    def leak(market):
        records = market.macro
        if leaks:
            first = records.groupby("period")["known"].min()
            records = records.groupby("period", as_index=False)["value"].last()
            records["known"] = records["period"].map(first)
        level = _macro(market, records, "known") / 100
        return trend(market).mul(level, axis=0).fillna(0.0).clip(-0.1, 0.1)

    return leak


@pair("macro_without_lag")
def _(leaks):
    def leak(market):
        level = _macro(market, market.macro, "period" if leaks else "known") / 100
        return trend(market).mul(level, axis=0).fillna(0.0).clip(-0.1, 0.1)

    return leak


@pair("same_day_vintage", kind="earn")
def _(leaks):
    """The weight that earns a session must not know what was published in it."""

    def leak(market):
        level = _macro(market, market.macro, "known") / 100

        def weights(prices):
            known = level.reindex(prices.index, method="ffill")
            r = prices.pct_change(fill_method=None).rolling(10).mean().shift(1)
            return r.mul(known if leaks else known.shift(1), axis=0).clip(-0.1, 0.1)

        return from_weights(weights, rows="held")

    return leak


@pair("same_bar", kind="earn")
def _(leaks):
    def leak(market):
        def weights(prices):
            target = book(prices.pct_change(fill_method=None).rolling(10, min_periods=5).mean())
            return target if leaks else target.shift(1)

        return from_weights(weights, rows="held")

    return leak


@pair("adjusted_price_level", kind="readjustment")
def _(leaks):
    def leak(market):
        prices = market.prices
        cheap = 1.0 / prices if leaks else 1.0 / (prices / prices.rolling(20, min_periods=5).mean())
        return cheap.div(cheap.sum(axis=1), axis=0)

    return leak


# -------------------------------------------------------------------------------------- strategies


@dataclasses.dataclass(frozen=True)
class Momentum(Strategy):
    universe: tuple[str, ...] = ()
    window: int = 20
    lookback: int | None = 40

    def decide(self, model, past, held):
        r = past.returns().tail(self.window).mean().where(past.alive).fillna(0.0)
        return Decision(r / max(r.abs().sum(), 1e-9), {"speed": r})


@pair("strategy_with_the_whole_market_inside")
def _(leaks):
    def leak(market):
        class Knows(Momentum):
            def decide(self, model, past, held):
                table = (market if leaks else past).returns().fillna(0.0)
                row = table.index.searchsorted(past.now) + (1 if leaks else 0)
                r = table.iloc[min(row, len(table) - 1)].where(past.alive, 0.0)
                return Decision(r / max(r.abs().sum(), 1e-9), {"move": r})

        return Knows(universe=market.assets)

    return leak


@pair("strategy_that_reaches_behind_the_cut", unseen=[".base is", "seen.base"])
def _(leaks):
    class Reaches(Momentum):
        def decide(self, model, past, held):
            seen = past.array("prices")
            hidden = seen.base if leaks and seen.base is not None else seen
            last = pd.Series(hidden[-1] / seen[-5], past.assets).where(past.alive).fillna(1.0)
            return Decision(last / max(last.abs().sum(), 1e-9))

    return lambda market: Reaches(universe=market.assets)


@pair("fit_that_reaches_behind_the_cut")
def _(leaks):
    class Fits(Momentum):
        refit = MONTHLY

        def fit(self, past):
            panel = past._panel
            prices = panel.fields["prices"][: len(panel.index) if leaks else past._stop]
            return {"mean": np.nan_to_num(prices[1:] / prices[:-1] - 1.0).mean(axis=0)}

        def decide(self, model, past, held):
            sign = pd.Series(np.sign(model["mean"]), past.assets).where(past.alive).fillna(0.0)
            return Decision(sign / max(sign.abs().sum(), 1.0))

    return lambda market: Fits(universe=market.assets, lookback=40)


@pair("decide_many_peeks")
def _(leaks):
    class Peeks(Momentum):
        decide_on = DAILY

        def decide(self, model, past, held):
            return self.decide_many(model, past, past.dates[-1:]).at(past.now)

        def decide_many(self, model, past, dates):
            r = past.returns().tail(30).rolling(5).mean()
            scores = (r.shift(-1) if leaks and len(dates) > 1 else r).reindex(dates).fillna(0.0)
            return Decisions(scores.clip(-0.1, 0.1), {"score": scores})

    return lambda market: Peeks(universe=market.assets)


def smooth(market, days):
    return market.returns().rolling(days, center=True, min_periods=2).mean()


def trailing(market, days):
    return market.returns().rolling(days, min_periods=2).mean()


@pair("feature_of_a_strategy")
def _(leaks):
    """The newest row is honest on every cut; only the feature's own earlier rows are rewritten."""

    class Uses(Momentum):
        def decide(self, model, past, held):
            table = past.feature(smooth if leaks else trailing, days=9)
            r = table.iloc[-1].where(past.alive).fillna(0.0)
            return Decision(np.sign(r) / 10)

    return lambda market: Uses(universe=market.assets)
