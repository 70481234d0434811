"""Labels, groups and number formats of the metrics of a summary."""

import math
from collections.abc import Iterable
from typing import Literal

from tiltwise.report.components.text import GAP, number, percent

Unit = Literal["share", "fine", "ratio", "periods", "years", "count", "probability"]

GROUPS: dict[str, dict[str, tuple[str, Unit]]] = {
    "Return": {
        "total_return": ("Total return", "share"),
        "cagr": ("Growth a year (CAGR)", "share"),
        "best_day": ("Best session", "share"),
        "worst_day": ("Worst session", "share"),
        "win_rate": ("Sessions that gained", "share"),
        "profit_factor": ("Profit factor", "ratio"),
    },
    "Risk": {
        "ann_volatility": ("Volatility a year", "share"),
        "max_drawdown": ("Maximum drawdown", "share"),
        "max_drawdown_duration": ("Longest drawdown, sessions", "periods"),
        "ulcer_index": ("Ulcer index", "share"),
        "var_95": ("Value at risk 95 %, daily", "fine"),
        "cvar_95": ("Expected shortfall 95 %, daily", "fine"),
        "skew": ("Skewness", "ratio"),
        "kurtosis": ("Excess kurtosis", "ratio"),
        "tail_ratio": ("Tail ratio", "ratio"),
    },
    "Return for risk": {
        "sharpe": ("Sharpe ratio", "ratio"),
        "sortino": ("Sortino ratio", "ratio"),
        "gross_sharpe": ("Sharpe ratio before costs", "ratio"),
        "calmar": ("Calmar ratio", "ratio"),
        "omega": ("Omega ratio", "ratio"),
    },
    "Against the benchmark": {
        "beta": ("Beta", "ratio"),
        "alpha": ("Alpha a year", "share"),
        "r_squared": ("R squared", "ratio"),
        "tracking_error": ("Tracking error a year", "share"),
        "information_ratio": ("Information ratio", "ratio"),
        "up_capture": ("Up capture", "ratio"),
        "down_capture": ("Down capture", "ratio"),
    },
    "Trading": {
        "turnover_one_way": ("Turnover a year, one-way", "share"),
        "turnover_two_way": ("Turnover a year, two-way", "share"),
        "cost_drag": ("Cost drag a year", "fine"),
        "avg_holdings": ("Holdings, average", "count"),
    },
    "Luck and search": {
        "psr": ("Probabilistic Sharpe ratio", "probability"),
        "dsr": ("Deflated Sharpe ratio", "probability"),
        "pbo": ("Probability of overfitting", "probability"),
        "min_track_record_years": ("Minimum track record", "years"),
    },
}
"""Known metrics by group: label and unit. Others are shown under the heading "Other" as ratios."""


def grouped(names: Iterable[str]) -> dict[str, list[str]]:
    """Metrics by group, in the order of `GROUPS`; empty groups are left out."""
    left = list(dict.fromkeys(names))
    groups = {title: [name for name in known if name in left] for title, known in GROUPS.items()}
    placed = {name for members in groups.values() for name in members}
    groups["Other"] = [name for name in left if name not in placed]
    return {title: members for title, members in groups.items() if members}


def label(name: str) -> str:
    """Label of a metric on the page."""
    known = _lookup(name)
    return known[0] if known else name.replace("_", " ").capitalize()


def show(name: str, value: float) -> str:
    """Value of a metric in its unit."""
    known = _lookup(name)
    unit = known[1] if known else "ratio"
    if unit == "share":
        return percent(value, 1 if abs(value) < 10.0 else 0)
    if unit == "fine":
        return percent(value, 2)
    if unit == "periods":
        return number(value, 0)
    if unit in ("years", "count"):
        text = number(value, 1)
        return f"{text}{GAP}years" if unit == "years" and math.isfinite(value) else text
    return number(value, 3 if unit == "probability" else 2)


def _lookup(name: str) -> tuple[str, Unit] | None:
    return next((known[name] for known in GROUPS.values() if name in known), None)
