"""Lines of the risk register, by risk, from recorded numbers.

Limits are conventions, printed beside the number.
"""

import math
from collections.abc import Callable, Iterator, Mapping

from tiltwise.evaluate.risk.leverage import FULL, Leverage
from tiltwise.evaluate.risk.stress import Stress
from tiltwise.models.factors.regression import ALPHA
from tiltwise.research.risk.measures import SPELLS
from tiltwise.research.risk.readings import (
    RUIN,
    TOLD,
    WITHIN,
    Reading,
    Sources,
    fallen,
    judged,
    limited,
)

SURPRISING = 0.05  #: p-value
SURE = 0.95  #: deflated Sharpe ratio
EVEN = 0.5  #: probability of backtest overfitting, share of the largest position
ROOM = 2.0  #: break-even cost over the cost charged
CALL = 0.2  #: fall that calls for margin: the worst session of US shares was 20 %, in 1987
PATIENT = 0.01  #: share of a day's volume
FEW = 3.0  #: effective holdings


def _model(s: Sources) -> Iterator[Reading]:
    placebo, style = s.evidence.rotation, s.measures.style
    if placebo is None:
        text = "the decisions could not be tried at other times"
        yield limited("model", "decisions at other times", text)
    else:
        p = placebo.p_value
        name = "chance that its decisions, at other times, do as well"
        yield Reading("model", name, p, "share", limit="at most 5 %",
                      verdict=judged(p > SURPRISING, p),
                      remark=f"{len(placebo.rotated)} rotations")  # fmt: skip
    if style is None:
        text = "not measured: it needs the factors of the Kenneth French library (--factors), or "
        text += "SPY SIZE VLUE QUAL MTUM USMV in the market, and the extra research"
        text = s.measures.missing.get("style", text)
        yield limited("model", "return left after known styles", text)
        return
    value, low, high = style.table.loc[[ALPHA], ["loading", "low", "high"]].to_numpy(float)[0]
    remark = f"{style.source}, {style.rows} sessions from {style.since}; styles explain "
    remark += f"{style.r2:.0%} of its variance"
    yield Reading("model", "return left after known styles", value, "share a year", low, high,
                  "interval above 0", judged(not low > 0.0), remark)  # fmt: skip


def _leverage(s: Sources) -> Iterator[Reading]:
    book = s.measures.leverage
    if book is None:
        yield limited("leverage", "gross exposure", s.why("leverage"))
        return
    yield Reading("leverage", "highest gross exposure", book.peak,
                  remark=f"on {book.peak_on}; {book.mean:.2f} on average")  # fmt: skip
    lost = f"lost everything on {book.ruined}" if book.ruined else f"in {book.worst_month}"
    verdict = RUIN if book.ruin else fallen(book.worst)
    limit = "above -50 %; -100 % is ruin"
    yield Reading("leverage", "worst month of the run", book.worst, "share", limit=limit,
                  verdict=verdict, remark=lost)  # fmt: skip
    yield _peak_book(book)
    yield _margin(book)
    paid = f"{book.financing:.2%} on margin, {book.borrow:.2%} on shorts"
    yield Reading("leverage", "margin interest and borrow fees paid",
                  book.financing + book.borrow, "share a year", remark=paid)  # fmt: skip


def _peak_book(book: Leverage) -> Reading:
    measure = "worst month of history for that book"
    if not book.history:
        return limited("leverage", measure, "no month is known for all assets of that book")
    worst = book.peak_worst
    verdict = fallen(worst)
    remark = f"{book.peak_worst_month}, of {book.history} months known for all its assets"
    limit = "above -50 %; -100 % is ruin"
    return Reading("leverage", measure, worst, "share", limit=limit, verdict=verdict, remark=remark)


def _margin(book: Leverage) -> Reading:
    measure = "fall of all holdings that calls for margin"
    if math.isinf(book.distance):
        text = "nothing was borrowed at any close"
        return Reading("leverage", measure, limit="above 20 %", verdict=WITHIN, remark=text)
    remark = f"on {book.distance_on}; equity below the requirement at {book.calls} closes"
    verdict = judged(book.distance < CALL)
    return Reading("leverage", measure, book.distance, "share", limit="above 20 %",
                   verdict=verdict, remark=remark)  # fmt: skip


def _overfitting(s: Sources) -> Iterator[Reading]:
    counted, risk = s.counted, "overfitting"
    own = s.metric("sharpe")[0]
    remark = "a Sharpe ratio that the best of them would show without skill: "
    yield Reading(risk, "trials counted", float(counted.trials), "count",
                  remark=f"{remark}{counted.noise_ceiling:.2f}; this run: {own:.2f}")  # fmt: skip
    yield Reading(risk, "deflated Sharpe ratio", counted.dsr, "share", limit="at least 95 %",
                  verdict=judged(counted.dsr < SURE, counted.dsr),
                  remark="chance that the true one is above 0, given the trials")  # fmt: skip
    if math.isnan(counted.pbo):
        text = "needs two trials or more on common sessions"
        yield limited(risk, "probability of backtest overfitting", text)
    else:
        yield Reading(risk, "probability of backtest overfitting", counted.pbo, "share",
                      limit="below 50 %", verdict=judged(counted.pbo >= EVEN),
                      remark="how often the best in sample is poor outside it")  # fmt: skip


def _regimes(s: Sources) -> Iterator[Reading]:
    risk = "regime dependency"
    if not s.measures.states:
        yield limited(risk, "Sharpe ratio by market", s.why("states"))
    for state in s.measures.states:
        measure = f"Sharpe ratio in {state.name} markets"
        remark = f"{state.sessions} sessions after such a close, 20 % off the turning point"
        if math.isnan(state.sharpe):
            text = f"{state.sessions} sessions are too few: untried in {state.name} markets"
            yield limited(risk, measure, text)
        else:
            yield Reading(risk, measure, state.sharpe, "ratio", state.low, state.high, "above 0",
                          judged(state.sharpe <= 0.0), remark)  # fmt: skip


def _cost(s: Sources) -> Iterator[Reading]:
    value = s.metric("cost_drag")[0]
    yield Reading("cost", "mean return lost to costs", value, "share a year")
    curve = s.evidence.cost
    if curve is None:
        yield limited("cost", "break-even cost", "costs could not be moved for this run")
        return
    costs = s.run.simulator.get("costs", {})
    paid = float(costs.get("commission_bps", 0.0)) + float(costs.get("half_spread_bps", 0.0))
    end, free = curve.break_even, curve.points[0].mean
    measure, limit = "cost per side at which nothing is left", f"twice the {paid:g} bps charged"
    if end is None:
        none = "costs never eat it up" if free > 0.0 else "no reward even without trading costs"
        yield Reading("cost", measure, limit=limit, verdict=judged(free <= 0.0), remark=none)
    else:
        yield Reading("cost", measure, end, "bps", limit=limit, verdict=judged(end < ROOM * paid))


def _liquidity(s: Sources) -> Iterator[Reading]:
    traded = s.measures.liquidity
    if traded is None:
        yield limited("liquidity", "share of a day's dollar volume", s.why("liquidity"))
        return
    remark = f"{traded.highest_asset} on {traded.highest_on}; half of {traded.trades} trades below "
    remark += f"{traded.typical:.3%}, at a capital of {traded.capital:,.0f}"
    yield Reading("liquidity", "largest trade over a day's usual volume", traded.highest, "share",
                  limit="at most 1 %", verdict=judged(traded.highest > PATIENT),
                  remark=remark)  # fmt: skip
    yield Reading("liquidity", "capital at which 95 of 100 trades stay below 1 %", traded.capacity,
                  "money", limit="above the capital of the run",
                  verdict=judged(traded.capacity < traded.capital))  # fmt: skip


def _correlation(s: Sources) -> Iterator[Reading]:
    for part, words in (("by_session", "daily"), ("by_month", "monthly")):
        worst: Stress | None = getattr(s.measures, part)
        measure = f"rise of mean correlation in the worst tenth of months, {words} returns"
        if worst is None:
            yield limited("correlation", measure, s.why(part))
            continue
        limit = f"constant correlation would show {worst.baseline:+.2f} "
        limit += f"({worst.baseline_low:+.2f} to {worst.baseline_high:+.2f})"
        remark = f"{worst.inside:.2f} in {len(worst.worst)} months ({', '.join(worst.worst[:3])}, "
        remark += f"...), {worst.outside:.2f} in the others; {len(worst.assets)} assets"
        yield Reading("correlation", measure, worst.difference, "ratio", worst.low, worst.high,
                      limit, judged(worst.rises), remark)  # fmt: skip


def _concentration(s: Sources) -> Iterator[Reading]:
    book, risk = s.measures.concentration, "concentration"
    if book is None:
        yield limited(risk, "effective number of holdings", s.why("concentration"))
        return
    remark = f"{book.fewest:.1f} at least, on {book.fewest_on}"
    yield Reading(risk, "effective number of holdings", book.mean, "ratio", limit="at least 3",
                  verdict=judged(book.mean < FEW), remark=remark)  # fmt: skip
    remark = f"{book.largest_asset} on {book.largest_on}"
    yield Reading(risk, "largest position", book.largest, "share", limit="at most 50 % of value",
                  verdict=judged(book.largest > EVEN), remark=remark)  # fmt: skip


def _black_swan(s: Sources) -> Iterator[Reading]:
    risk = "black swan"
    worst = s.metric("worst_day")[0]
    yield Reading(risk, "worst session", worst, "share", verdict=RUIN if worst <= FULL else TOLD)
    value, low, high = s.metric("cvar_95")
    yield Reading(risk, "mean of the worst 5 % of sessions", value, "share", low, high)
    value, low, high = s.metric("max_drawdown")
    yield Reading(risk, "deepest drawdown", value, "share", low, high, "above -50 %",
                  fallen(value))  # fmt: skip
    invented = s.run.data.startswith("synthetic:")  # its days of 2008 are not those of history
    spells = () if invented else s.measures.spells
    for spell in spells:
        other = "" if math.isnan(spell.market) else f"; benchmark {spell.market:.1%}"
        yield Reading(risk, spell.name, spell.own, "share", limit="above -50 %",
                      verdict=fallen(spell.own),
                      remark=f"{spell.begin} to {spell.end}{other}")  # fmt: skip
    lived = f"the run lived through {len(spells)} of {len(SPELLS)} known spells; "
    text = "what has not happened in the data is not measured by any number here"
    yield limited(risk, "beyond the record", lived + text)


def _quality(s: Sources) -> Iterator[Reading]:
    prices, risk = s.measures.listing, "data quality"
    yield Reading(risk, "errors in the prices of what was held", float(prices.errors), "count",
                  limit="none", verdict=judged(prices.errors > 0))  # fmt: skip
    yield Reading(risk, "warnings", float(prices.warnings), "count", remark=prices.kinds)


def _survivorship(s: Sources) -> Iterator[Reading]:
    names, risk = s.measures.listing, "survivorship"
    remark = f"of {names.assets}" + (f": {', '.join(names.left[:5])}" if names.left else "")
    yield Reading(risk, "assets whose prices stop before the end", float(len(names.left)), "count",
                  limit="a list without hindsight has some",
                  verdict=judged(not names.left), remark=remark)  # fmt: skip
    remark = f"of {names.assets}" + (f": {', '.join(names.late[:5])}" if names.late else "")
    yield Reading(risk, "assets that begin after the run", float(len(names.late)), "count",
                  remark=remark)  # fmt: skip
    text = "the list of assets is that of today: funds that closed, and funds that were chosen "
    text += "because they had done well, cannot be told from prices"
    yield limited(risk, "choice of the list", text)


def _slippage(s: Sources) -> Iterator[Reading]:
    curve, costs, risk = s.evidence.fill, s.evidence.cost, "slippage"
    if curve is None or len(curve.points) < 2:
        yield limited(risk, "later fills", "fills could not be moved for this run")
    else:
        first, last = curve.points[0], curve.points[-1]
        lost = last.sharpe - first.sharpe
        yield Reading(risk, f"Sharpe ratio, {last.label} less same close", lost, "ratio",
                      limit="later fills keep half of it",
                      verdict=judged(last.sharpe < EVEN * first.sharpe, lost),
                      remark=f"{last.sharpe:.2f} less {first.sharpe:.2f}")  # fmt: skip
    if costs is not None:
        dear = costs.points[-2]
        yield Reading(risk, f"Sharpe ratio at {dear.label} a side", dear.sharpe, "ratio", dear.low,
                      dear.high, "above 0", judged(dear.sharpe <= 0.0))  # fmt: skip
    text = "fills at the prices of the data: what an order of this size would have moved them by "
    text += "is charged only where an impact was asked for"
    yield limited(risk, "own impact", text)


def _timing(s: Sources) -> Iterator[Reading]:
    curve, starts, risk = s.evidence.delay, s.evidence.start, "timing"
    if curve is None:
        yield limited(risk, "later decisions", "delays could not be moved for this run")
    else:
        late = curve.points[-1]
        yield Reading(risk, f"Sharpe ratio with a delay of {late.label} sessions", late.sharpe,
                      "ratio", late.low, late.high, "above 0",
                      judged(late.sharpe <= 0.0))  # fmt: skip
    if starts is None:
        yield limited(risk, "later starts", "later starts could not be tried for this run")
    else:
        sharpes = [point.sharpe for point in starts.points]
        remark = f"{min(sharpes):.2f} to {max(sharpes):.2f}, {len(sharpes)} starts"
        yield Reading(risk, "spread of the Sharpe ratio over later starts",
                      max(sharpes) - min(sharpes), "ratio", limit="none below 0",
                      verdict=judged(min(sharpes) <= 0.0),
                      remark=remark)  # fmt: skip


def _technology(s: Sources) -> Iterator[Reading]:
    yield Reading("technology", "recordings of this run with equal bytes", float(s.recordings),
                  "count", remark=f"run {s.run.id}, code {s.run.code}")  # fmt: skip
    text = "a backtest meets no broken feed, refused order or stopped machine; the ledger shows "
    text += "only that equal runs gave equal bytes and that no file was changed since"
    yield limited("technology", "operation", text)


LINES: Mapping[str, Callable[[Sources], Iterator[Reading]]] = {
    "model": _model,
    "leverage": _leverage,
    "overfitting": _overfitting,
    "regime dependency": _regimes,
    "cost": _cost,
    "liquidity": _liquidity,
    "correlation": _correlation,
    "concentration": _concentration,
    "black swan": _black_swan,
    "data quality": _quality,
    "survivorship": _survivorship,
    "slippage": _slippage,
    "timing": _timing,
    "technology": _technology,
}
"""Every risk in the order shown, and what tells its lines."""
