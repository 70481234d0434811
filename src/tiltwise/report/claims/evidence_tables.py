"""Tables of the evidence page, as markup."""

from collections.abc import Mapping, Sequence
from typing import Any

from tiltwise.report.components import tables
from tiltwise.report.components.text import NONE, escape, number, percent

Record = Mapping[str, Any]

VARIANTS = {
    "first": "as written, first code",
    "head": "as written, later revision",
    "readme": "as its text says",
    "corrected": "corrected, daily",
    "corrected-weekly": "corrected, weekly",
}
KINDS = {"fixed": "Fixed PCA", "rolling": "Rolling PCA", "kalman": "Fixed PCA + Kalman"}
SMALL = 1e-4


def shapes(record: Record) -> str:
    """Table of moments and Jarque-Bera test of residuals, by kind and by asset (fixed PCA)."""
    head = ("Residual", "Deviation", "Skewness", "Excess kurtosis", "Jarque-Bera", "p")
    rows = [
        _shape_row(f"<b>All, {kind} PCA</b>", shape["pooled"]) for kind, shape in record.items()
    ]
    rows += [_shape_row(escape(a), s) for a, s in record["fixed"]["by_asset"].items()]
    note = (
        "<p>Deviations are per session; of all residuals, after each was divided by its asset's. "
        "Daily residuals depend on each other, so p is too small; the kurtosis is not affected.</p>"
    )
    return tables.table(head, rows, "Shape of the residuals; assets: fixed PCA", "plain") + note


def _shape_row(name: str, shape: Record) -> list[str]:
    spread = shape["deviation"]
    return [
        name,
        percent(spread, 2) if spread < 0.5 else number(spread),
        number(shape["skew"]),
        number(shape["excess_kurtosis"]),
        number(shape["jarque_bera"], 0),
        f"&lt; {SMALL:g}" if shape["p"] < SMALL else number(shape["p"], 4),
    ]


def ratios(records: Sequence[Record]) -> str:
    """Table of noise ratios: half-life and rank agreement of the cells that share one."""
    head = (
        "δ / v_e",
        "Cells",
        "Absorbed a session",
        "Half-life",
        "Ranks agree, first fold",
        "All folds",
        "P0 scaled",
    )
    rows = [
        [
            f"{r['ratio']:g}",
            str(len(r["cells"])),
            percent(r["speed"]),
            number(r["half_life"], 1),
            *(percent(r[k], 2) for k in ("first", "agreement", "scaled")),
        ]
        for r in records
    ]
    return tables.table(head, rows, "What each ratio means", "plain")


def comparison(results: Sequence[Record]) -> str:
    """Table of Sharpe ratio, interval and total return by residual and signal, for each variant.

    Of several cells of a kind, the one with the highest Sharpe ratio is shown.
    """
    rows = []
    for kind, name in KINDS.items():
        for signal in ("momentum", "reversion"):
            cells = [
                _compared(
                    [
                        r
                        for r in results
                        if (r["variant"], r["residual"], r["signal"]) == (variant, kind, signal)
                    ]
                )
                for variant in VARIANTS
            ]
            rows.append([escape(f"{name}, {signal}"), *cells])
    head = ("Residual and signal", *(v[0].upper() + v[1:] for v in VARIANTS.values()))
    title = "Sharpe ratio, its 90 % interval, and total return, net of costs; and before costs"
    return tables.table(head, rows, title, "sides")


def _compared(cells: Sequence[Record]) -> str:
    """Cell of the highest Sharpe ratio."""
    if not cells:
        return NONE
    row = max(cells, key=lambda r: r["sharpe"])
    low, high = row["sharpe_low"], row["sharpe_high"]
    interval = f"{number(low)} to {number(high)}" if low == low else NONE
    of = f"<small>best of {len(cells)}</small>" if len(cells) > 1 else ""
    total, before = percent(row["total_return"]), f"before costs {number(row['gross_sharpe'])}"
    small = "".join(f"<small>{text}</small>" for text in (interval, total, before))
    return f"<b>{number(row['sharpe'])}</b>{small}{of}"


def folds(record: Record) -> str:
    """Fold tables of the best cell of the first grid: as written, and corrected."""
    best = next(b for b in record["best"] if b["variant"] == "first")
    own = next(r for r in record["results"] if _is(r, "first", best["strategy"]))
    kind = {"residual": own["residual"], "signal": own["signal"], "variant": "corrected"}
    other = next(r for r in record["results"] if kind.items() <= r.items())
    return "".join(_fold_table(record, row) for row in (own, other))


def _is(row: Record, variant: str, strategy: str) -> bool:
    return bool(row["variant"] == variant and row["strategy"] == strategy)


def _fold_table(record: Record, row: Record) -> str:
    folds = [r for r in record["per_fold"] if _is(r, row["variant"], row["strategy"])]
    whole = {f["fold"]: f["complete"] for f in record["folds"]}
    head = (
        "Test from",
        "Sessions",
        "Return",
        "Sharpe",
        "Before costs",
        "Drawdown",
        "VaR",
        "ES",
        "Turnover",
        "Cost",
    )
    rows = [
        [
            escape(r["test_start"] + ("" if whole[r["fold"]] else " (cut)")),
            str(r["sessions"]),
            percent(r["total_return"]),
            number(r["sharpe"]),
            number(r["gross_sharpe"]),
            percent(r["max_drawdown"]),
            percent(r["var_95"], 2),
            percent(r["cvar_95"], 2),
            percent(r["turnover_daily"], 0),
            percent(r["cost"]),
        ]
        for r in folds
    ]
    title = f"{row['strategy']}, {VARIANTS[row['variant']]}"
    return tables.table(head, rows, title, "folds")
