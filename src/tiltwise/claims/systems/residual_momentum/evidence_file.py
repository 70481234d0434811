"""Combined record of an export: answers, grid of noises, growth, best cells, noise ceilings."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.claims.engine.card import Card
from tiltwise.claims.engine.data import CardData
from tiltwise.claims.engine.measure import gap
from tiltwise.claims.engine.records import Estimate
from tiltwise.claims.systems.residual_momentum import hypotheses, noise_grid, normality, residuals
from tiltwise.claims.systems.residual_momentum.experiments import LIKELY, SET, Experiment
from tiltwise.claims.systems.residual_momentum.hypotheses import Answer, Measured
from tiltwise.claims.systems.residual_momentum.noise_grid import ratio_of
from tiltwise.evaluate.significance.overfitting import noise_ceiling

Record = dict[str, Any]

DRAWN = ("growth", "quantiles", "results", "scree")
"""Parts that a page draws and that other files already hold."""
COMPARED = ("fixed", "rolling", "kalman")


def assemble(
    card: Card,
    data: CardData,
    run: Sequence[Experiment],
    files: Mapping[str, Any],
    results: pd.DataFrame,
    folds: pd.DataFrame,
) -> Record:
    """Return everything that a reader is shown, as plain records.

    Parameters
    ----------
    card, data, run : what is claimed, the data, and all strategies that were run.
    files : the files of the earlier steps by name.
    results, folds : the tables of the experiments.
    """
    about, dates = files["about"], data.test_dates
    own = data.returns[list(data.traded)]
    fits = residuals.fold_fits(own, data.folds)
    answers, lags = _answers(own, fits, run, files)
    ratios = noise_grid.ratios(fits)
    return {
        "system": card.system,
        "title": card.title,
        "source": card.source,
        **{k: about[k] for k in ("data", "data_id", "rows", "dropped_rows", "left_out")},
        "first": about["first"],
        "last": about["last"],
        "assets": list(data.traded),
        "reference": data.reference,
        "substitutes": data.substitutes,
        "shortfall": data.shortfall,
        "period": [f"{dates[0]:%Y-%m-%d}", f"{dates[-1]:%Y-%m-%d}"],
        "years": data.years,
        "folds": folds.to_dict("records"),
        "answers": [dataclasses.asdict(a) for a in answers],
        "lags": [{"lag": n, **dataclasses.asdict(m)} for n, m in lags],
        "ratios": [dataclasses.asdict(r) for r in ratios],
        "sensitivity": _sensitivity(run, ratios),
        "best": [_best(run, v, data.years) for v in ("first", "head", LIKELY)],
        "shapes": {k: v for k, v in files["shapes"].items() if k in ("fixed", "rolling")},
        "scree": files["scree"],
        "quantiles": {
            name: normality.quantiles(normality.pooled(files[name]), residuals.SHOWN)
            for name in ("fixed", "rolling")
        },
        "growth": _growth(card, run, data),
        "results": results.to_dict("records"),
    }


def _answers(
    returns: pd.DataFrame,
    fits: Sequence[residuals.FoldFit],
    run: Sequence[Experiment],
    files: Mapping[str, Any],
) -> tuple[tuple[Answer, ...], tuple[tuple[int, Measured], ...]]:
    """Return the three answers, and the rank correlations by lag."""
    left = {
        "fixed": files["fixed"].loc[returns.index],
        "rolling": files["rolling"].loc[returns.index],
        "kalman": residuals.filtered(returns, fits),
    }
    tested = hypotheses.sessions_of([left["fixed"]])
    left = {name: t.loc[tested].reindex(t.index) for name, t in left.items()}
    named = {"fixed": "fixed PCA", "rolling": "rolling PCA", "kalman": "Kalman"}
    tables = {named[name]: left[name] for name in COMPARED}
    scree = files["scree"]
    spanned = hypotheses.low_rank(
        tables, residuals.deviations(returns, fits), scree["claimed"], scree["factors"]
    )
    persists, lags = hypotheses.persistence(tables, returns, left["fixed"])
    daily = [hypotheses.ranked(left[n], returns, 1).to_numpy() for n in ("kalman", "fixed")]
    sums = [hypotheses.squares(left[n]) for n in ("kalman", "fixed")]
    helps = hypotheses.kalman_helps(_gaps(run), (daily[0], daily[1]), (sums[0], sums[1]))
    return (spanned, persists, helps), lags


def _gaps(run: Sequence[Experiment]) -> dict[str, Estimate]:
    """Return the advantage of the filter over fixed components, by signal and account."""
    words = {LIKELY: "corrected", "first": "as written"}
    by = {
        (e.variant, e.cell["residual"], e.cell["signal"]): e.evaluated
        for e in run
        if e.variant == LIKELY or e.cell["residual"] != "kalman"
    }
    gaps = {}
    for signal in ("momentum", "reversion"):
        pair = (by[LIKELY, residual, signal] for residual in ("kalman", "fixed"))
        gaps[f"advantage in Sharpe ratio, {signal}, {words[LIKELY]}"] = gap(*pair)
    written = [e for e in run if e.variant == "first" and _filtered_momentum(e)]
    best = max(written, key=lambda e: e.evaluated.points["sharpe"])
    name = f"the same, momentum, {words['first']}, best of {len(written)} cells"
    gaps[name] = gap(best.evaluated, by["first", "fixed", "momentum"])
    return gaps


def _filtered_momentum(e: Experiment) -> bool:
    return (e.cell["residual"], e.cell["signal"]) == ("kalman", "momentum")


def _sensitivity(
    run: Sequence[Experiment], ratios: Sequence[noise_grid.Ratio]
) -> list[dict[str, Any]]:
    """Return the Sharpe ratio of every cell of the grid, as written and corrected."""
    lives = {r.ratio: r.half_life for r in ratios}
    return [
        {
            "variant": e.variant,
            "signal": e.cell["signal"],
            "delta": e.cell["delta"],
            "v_e": e.cell["noise"],
            "ratio": ratio_of(e.cell["delta"], e.cell["noise"]),
            "half_life": lives[ratio_of(e.cell["delta"], e.cell["noise"])],
            "sharpe": e.evaluated.points["sharpe"],
            "total_return": e.evaluated.points["total_return"],
        }
        for e in run
        if e.variant in ("head", SET) and "delta" in e.cell
    ]


def _best(run: Sequence[Experiment], variant: str, years: float) -> dict[str, Any]:
    """Return the best cell of a grid with the noise ceiling of its Sharpe ratio."""
    cells = [e for e in run if e.variant == variant]
    best = max(cells, key=lambda e: e.evaluated.points["sharpe"])
    return {
        "variant": variant,
        "cells": len(cells),
        "strategy": f"{best.label}, {best.cell['signal']}",
        "sharpe": best.evaluated.points["sharpe"],
        "ceiling": noise_ceiling(len(cells), years),
        "years": years,
    }


def _growth(card: Card, run: Sequence[Experiment], data: CardData) -> dict[str, pd.Series]:
    """Return the growth of one unit of the source's table, corrected too, and of the market."""
    paths = {}
    for claim in (c for c in card.claims if c.variant == "first" and "sharpe" in c.claimed):
        for variant, word in (("first", "as written"), (LIKELY, "corrected")):
            cells = [e for e in run if e.variant == variant and _same(claim.cell, e.cell)]
            best = max(cells, key=lambda e: e.evaluated.points["sharpe"])
            paths[f"{claim.text}, {word}"] = best.result.returns
    market = np.expm1(data.returns[data.reference]).loc[data.test_dates]
    paths[data.reference] = market
    return {name: (1.0 + returns).cumprod() for name, returns in paths.items()}


def _same(claimed: Mapping[str, Any], cell: Mapping[str, Any]) -> bool:
    return all(cell[k] == v for k, v in claimed.items() if k in ("residual", "signal"))
