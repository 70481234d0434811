"""Write dialects.json: what five libraries print for the same returns.

Run in an environment of its own (nothing of this package is needed):

    python -m venv peers && peers/bin/pip install empyrical-reloaded==0.7.1 ffn==1.4.1 \
        quantstats==0.0.86 skfolio==1.12.2 vectorbt==1.2.0
    peers/bin/python tests/golden/make_dialects.py
"""

import importlib.metadata
import json
from pathlib import Path

import empyrical
import ffn
import numpy as np
import pandas as pd
import quantstats.stats
import skfolio
import vectorbt  # noqa: F401  (registers the accessor)

OUTPUT = Path(__file__).with_name("dialects.json")
PACKAGES = ("empyrical-reloaded", "ffn", "quantstats", "skfolio", "vectorbt")


def long_history():
    """Ten years of t-distributed days beside a benchmark, after an opening run of losses."""
    rng = np.random.default_rng(20250)
    benchmark = 0.0003 + 0.006 * rng.standard_t(4, 2520)
    returns = 0.00005 + 0.8 * benchmark + 0.004 * rng.standard_t(4, 2520)
    returns[:30] = -np.abs(returns[:30]) / 2
    return "2014-01-02", "B", returns.round(6), benchmark.round(6)


def first_loss():
    """Six days that begin with a fall of 10 %."""
    returns = np.array([-0.10, 0.01, 0.02, -0.01, 0.015, 0.005])
    return "2024-01-02", "B", returns, np.array([-0.05, 0.004, 0.01, -0.02, 0.01, 0.002])


def months():
    """Ten years of months."""
    rng = np.random.default_rng(20251)
    benchmark = 0.008 + 0.03 * rng.standard_normal(120)
    return (
        "2014-01-31",
        "ME",
        (benchmark + 0.02 * rng.standard_normal(120) + 0.003).round(6),
        (benchmark.round(6)),
    )


def of_quantstats(r, b, rf):
    stats = quantstats.stats
    greeks = stats.greeks(r, b)
    return {
        "cagr": stats.cagr(r),
        "ann_volatility": stats.volatility(r),
        "sharpe": stats.sharpe(r, rf=rf),
        "sortino": stats.sortino(r, rf=rf),
        "calmar": stats.calmar(r),
        "max_drawdown": stats.max_drawdown(r),
        "alpha": greeks["alpha"],
        "beta": greeks["beta"],
        "information_ratio": stats.information_ratio(r, b),
        "var_95": stats.value_at_risk(r),
        "cvar_95": stats.conditional_value_at_risk(r),
    }


def of_empyrical(r, b, rf):
    daily = (1.0 + rf) ** (1.0 / 252.0) - 1.0
    return {
        "cagr": empyrical.annual_return(r),
        "ann_volatility": empyrical.annual_volatility(r),
        "sharpe": empyrical.sharpe_ratio(r, risk_free=daily),
        "sortino": empyrical.sortino_ratio(r, required_return=daily),
        "calmar": empyrical.calmar_ratio(r),
        "max_drawdown": empyrical.max_drawdown(r),
        "alpha": empyrical.alpha(r, b, risk_free=daily),
        "beta": empyrical.beta(r, b, risk_free=daily),
        "information_ratio": empyrical.excess_sharpe(r, b),
        "var_95": empyrical.value_at_risk(r),
        "cvar_95": empyrical.conditional_value_at_risk(r),
    }


def of_ffn(r, b, rf):
    first = r.index[0] - pd.offsets.BusinessDay(1)
    prices = (1.0 + pd.concat([pd.Series([0.0], index=[first]), r])).cumprod()
    stats = ffn.PerformanceStats(prices, rf=rf, annualization_factor=252)
    return {
        "cagr": stats.cagr,
        "ann_volatility": stats.daily_vol,
        "sharpe": stats.daily_sharpe,
        "sortino": stats.daily_sortino,
        "calmar": stats.calmar,
        "max_drawdown": stats.max_drawdown,
        "information_ratio": ffn.calc_information_ratio(r, b),
    }


def of_skfolio(r, b, rf):
    portfolio = skfolio.Portfolio(
        r.to_frame("asset"), [1.0], risk_free_rate=(1.0 + rf) ** (1.0 / 252.0) - 1.0
    )
    return {
        "ann_volatility": portfolio.annualized_standard_deviation,
        "sharpe": portfolio.annualized_sharpe_ratio,
        "sortino": portfolio.annualized_sortino_ratio,
        "calmar": portfolio.calmar_ratio,
        "max_drawdown": portfolio.max_drawdown,
        "var_95": portfolio.value_at_risk,
        "cvar_95": portfolio.cvar,
    }


def of_vectorbt(r, b, rf):
    daily = (1.0 + rf) ** (1.0 / 252.0) - 1.0
    mine = r.vbt.returns(freq="1D")
    return {
        "cagr": mine.annualized(),
        "ann_volatility": mine.annualized_volatility(),
        "sharpe": mine.sharpe_ratio(risk_free=daily),
        "sortino": mine.sortino_ratio(required_return=daily),
        "calmar": mine.calmar_ratio(),
        "max_drawdown": mine.max_drawdown(),
        "alpha": mine.alpha(b, risk_free=daily),
        "beta": mine.beta(b),
        "information_ratio": mine.information_ratio(b),
        "var_95": mine.value_at_risk(),
        "cvar_95": mine.cond_value_at_risk(),
    }


TOOLS = {
    "quantstats": of_quantstats,
    "empyrical": of_empyrical,
    "ffn": of_ffn,
    "skfolio": of_skfolio,
    "vectorbt": of_vectorbt,
}
CASES = {
    "long_history": (long_history, 0.0, tuple(TOOLS)),
    "long_history_rf": (long_history, 0.03, tuple(TOOLS)),
    "first_loss": (first_loss, 0.0, tuple(TOOLS)),
    "months": (months, 0.0, ("quantstats", "empyrical", "skfolio")),
}


def main():
    out = {
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
        "series": {},
        "cases": {},
    }
    for name, (history, rf, tools) in CASES.items():
        start, freq, returns, benchmark = history()
        index = pd.date_range(start, periods=len(returns), freq=freq)
        r = pd.Series(returns, index, name="asset")
        b = pd.Series(benchmark, index, name="benchmark")
        out["series"][history.__name__] = {
            "start": start,
            "freq": freq,
            "returns": returns.tolist(),
            "benchmark": benchmark.tolist(),
        }
        numbers = {
            tool: {key: float(value) for key, value in TOOLS[tool](r, b, rf).items()}
            for tool in tools
        }
        out["cases"][name] = {"series": history.__name__, "rf_annual": rf, "numbers": numbers}
    OUTPUT.write_text(json.dumps(out) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
