"""Result tables of a replica, for the page and the files."""

import math
from collections.abc import Mapping

import pandas as pd

from tiltwise.backtest.result import Backtest
from tiltwise.evaluate.monitor import book_values, data_values, model_values, monitored
from tiltwise.market.market import Market
from tiltwise.market.quality import quality
from tiltwise.models.inclusion.probability_scores import roc_curve, scores
from tiltwise.models.model_selection import forecast
from tiltwise.portfolio.replication.replica import ordered, tracking_window
from tiltwise.recipes.sparse_replication import SparseReplication
from tiltwise.research.studies.replication.evidence import ReplicationEvidence
from tiltwise.research.studies.replication.tables import shown_tables

TABLES = (
    *("weights", "held", "returns", "monthly", "decisions", "costs", "metrics", "targets"),
    *("frontier", "windows", "classifier", "attribution", "rolling", "risk", "listed", "roc"),
    *("monitoring", "notes"),
)


def result_tables(
    study: ReplicationEvidence,
    market: Market,
    strategy: SparseReplication,
    predictions: pd.DataFrame,
    importance: pd.DataFrame,
) -> dict[str, pd.DataFrame]:
    """Return the tables of `TABLES` by name.

    Parameters
    ----------
    predictions, importance : as stored by the stage of the model.
    """
    result = study.result
    known = predictions.dropna()
    curve = roc_curve(known["label"], known["probability"]) if len(known) else pd.DataFrame()
    seen = result.decisions.evidence
    decisions = pd.DataFrame({n: seen[n] for n in ("status", "fitted_error", "kkt", "holdings")})
    tables = {
        "weights": result.weights,
        "held": result.held,
        "returns": returns(result),
        "monthly": monthly(result),
        "decisions": decisions.astype({"status": object}),
        "costs": result.costs.assign(turnover=result.turnover),
        "metrics": study.numbers.rename_axis("number"),
        "targets": study.targets,
        "frontier": study.frontier.rename_axis("allowed").rename(index=int),
        "windows": study.windows,
        "classifier": classifier(predictions, strategy),
        "attribution": study.attribution.table,
        "rolling": study.rolling,
        "risk": study.risk.T.rename_axis("book"),
        "listed": study.listed,
        "roc": curve.rename_axis("step"),
        "monitoring": watch(study, market, strategy, predictions, importance),
        "notes": pd.DataFrame({"note": pd.Series(study.notes, dtype=object)}).rename_axis("number"),
    }
    return {name: _typed(table) for name, table in tables.items()}


def returns(result: Backtest) -> pd.DataFrame:
    """Return net, gross and benchmark returns by session."""
    base = result.benchmark_returns
    assert base is not None
    return pd.DataFrame(
        {"net": result.returns, "gross": result.gross_returns, "benchmark": base}
    ).rename_axis("date")


def monthly(result: Backtest) -> pd.DataFrame:
    """Return the numbers of each month: returns, tracking error in it, turnover, holdings."""
    daily = returns(result)
    month = pd.DatetimeIndex(daily.index).to_period("M")
    ahead = daily["net"] - daily["benchmark"]
    table = (1.0 + daily).groupby(month).prod() - 1.0
    table["active"] = table["net"] - table["benchmark"]
    table["tracking_error"] = ahead.groupby(month).std(ddof=1) * 252**0.5
    table["turnover"] = result.turnover.reindex(daily.index).groupby(month).sum() / 2.0
    count = result.held.gt(1e-4).sum(axis=1).reindex(daily.index)
    table["holdings"] = count.groupby(month).mean().astype("float64")
    days = pd.Series(daily.index, daily.index).groupby(month).last()
    return table.set_axis(pd.DatetimeIndex(days, name="date").as_unit("ns"), axis=0)


def watch(
    study: ReplicationEvidence,
    market: Market,
    strategy: SparseReplication,
    predictions: pd.DataFrame,
    importance: pd.DataFrame,
) -> pd.DataFrame:
    """Return the checks of `evaluate.monitor` of one replica."""
    base, evidence = study.result.benchmark_returns, study.result.decisions.evidence
    assert base is not None
    view = market.select(strategy.universe)
    values = data_values(quality(view), view.prices)
    if strategy.select == "classifier":
        values |= model_values(predictions, importance, strategy.cut)
    error, status = pd.Series(evidence["fitted_error"]), pd.Series(evidence["status"])
    values |= book_values(study.result.returns, base, error, status)
    return monitored(values)


def expected_returns(
    market: Market, strategy: SparseReplication, dates: pd.DatetimeIndex
) -> pd.DataFrame:
    """Return the expected returns a year that the recipe could tilt by (date x asset)."""
    rows: dict[pd.Timestamp, pd.Series] = {}
    view = ordered(market.select(strategy.universe))
    for t in dates:
        known = view.asof(t)
        own = tracking_window(known, strategy.window).assets
        mean, _ = forecast(known.returns()[own], strategy.forecast) if own else (None, "")
        if mean is not None:
            rows[t] = mean * 252.0
    table = pd.DataFrame(rows, index=list(view.assets), dtype="float64").T
    days = pd.DatetimeIndex(table.index, name="date").as_unit("ns")
    return table.set_axis(days, axis=0).rename_axis(columns="asset")


def classifier(predictions: pd.DataFrame, strategy: SparseReplication) -> pd.DataFrame:
    """Return out-of-sample scores of the predictions against always including.

    Returns
    -------
    table : (score x (predictions, always_include, note)); empty without a classifier or a month
        that is over.
    """
    known, rows = predictions.dropna(), {}
    if strategy.select == "classifier" and len(known):
        skill = scores(known["label"], known["probability"], strategy.cut)
        rate, chance = skill.base_rate, math.nan if skill.reason else 0.5
        rows = {
            "AUC": (skill.auc, chance, skill.reason or skill.band),
            "accuracy": (skill.accuracy, rate, f"{skill.majority:.2f} of the commoner label"),
            "precision": (skill.precision, rate, f"{rate:.0%} of the labels are one"),
            "recall": (skill.recall, 1.0 if rate else math.nan, ""),
            "F1": (skill.f1, skill.base_f1, f"{skill.rows} labels of the months that followed"),
        }
    names = ["predictions", "always_include", "note"]
    table = pd.DataFrame(rows.values(), pd.Index(list(rows), name="score", dtype=object), names)
    return table.astype({"predictions": "float64", "always_include": "float64", "note": object})


def chances(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the probabilities by month end and asset (date x asset)."""
    table = predictions["probability"].reset_index()
    return table.pivot_table(index="date", columns="asset", values="probability")


def evidence_text(study: ReplicationEvidence, tables: Mapping[str, pd.DataFrame]) -> str:
    """Return the evaluation tables and the monitoring checks as text."""
    checks = tables["monitoring"]
    lines = [
        f"alert: {name} is {row['value']:.3g}, at rest from {row['low']:g} to {row['high']:g}"
        for name, row in checks[checks["status"] == "alert"].iterrows()
    ]
    table = tables["classifier"]
    skill = shown_tables({"predictions, out of sample": table}) if len(table) else ""
    none = f"monitoring: none of {len(checks)} checks gives an alert"
    return "\n\n".join(filter(None, (str(study), skill, "\n".join(lines or [none]))))


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with one type per column and a date index without frequency."""
    out = table.infer_objects()
    for column in out:
        if out[column].dtype == object and not all(isinstance(value, str) for value in out[column]):
            out[column] = out[column].astype("float64")
    if isinstance(out.index, pd.DatetimeIndex):
        out.index = pd.DatetimeIndex(out.index.to_numpy(), name=out.index.name or "date")
    return out
