"""The evidence behind residual momentum as files, in three steps, each from the files of the last.

::

    returns      market           -> prices.csv etf_returns.csv returns.json
    residuals    etf_returns.csv  -> residuals_fixed.csv residuals_rolling.csv scree.json
                                     residuals.json
    experiments  all of these     -> walk_forward_config.csv experiment_results.csv per_fold.csv
                                     sensitivity.csv evidence.json

Each step returns what it found as plain records. Only closes are kept, so that corrected orders
fill at a later close whatever else the data hold.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.backtest.progress import Progress
from tiltwise.claims.engine import artefacts
from tiltwise.claims.engine.card import Card, read
from tiltwise.claims.engine.data import card_data
from tiltwise.claims.engine.folds import Fold, calendar_folds
from tiltwise.claims.engine.measure import Measurement
from tiltwise.claims.systems.residual_momentum import (
    evidence_file,
    experiments,
    normality,
    residuals,
)
from tiltwise.errors import DataError, MissingData, RevisedData
from tiltwise.ledger import Ledger
from tiltwise.market.market import Market

SYSTEM = "residual_momentum"
PRICES, RETURNS, ABOUT = "prices.csv", "etf_returns.csv", "returns.json"
FIXED, ROLLING = "residuals_fixed.csv", "residuals_rolling.csv"
SCREE, SHAPES = "scree.json", "residuals.json"
FOLDS, RESULTS, BY_FOLD = "walk_forward_config.csv", "experiment_results.csv", "per_fold.csv"
SENSITIVITY, EVIDENCE = "sensitivity.csv", "evidence.json"
STEPS = ("returns", "residuals", "experiments")
NEARLY = 0.99  #: share of the period in which an asset must have closes to be kept
FEWEST = 63  #: sessions of test, a quarter, below which no strategy is run


def maker(step: str, folder: Path) -> str:
    """Return the command that writes the files of a step."""
    option = "--folder" if step == STEPS[0] else "--from"
    return f"tiltwise export {step} {option} {folder}"


def export_returns(
    market: Market,
    folder: Path,
    *,
    data: str = "",
    start: str | None = None,
    end: str | None = None,
) -> dict[str, Any]:
    """Write closes and log returns of a period, without the rows on which an asset has no close.

    Parameters
    ----------
    market : where it lacks a fund of the source, all its assets stand in.
    folder : where the files go.
    data : what a reader calls the data.
    start, end : ISO dates; by default from the source's first price to the newest.

    Raises
    ------
    MissingData
        Fewer than two complete rows are left.
    """
    card = read(SYSTEM)
    begin = start or card.start
    names, reference = _names(card, market)
    closes = market.select(names).prices.loc[begin:end]
    complete = closes.notna().mean() > NEARLY
    covered = closes.loc[:, complete]
    prices = covered.dropna()
    if len(prices) < 2 or not prices.shape[1]:
        raise MissingData(
            f"{len(prices)} rows from {begin} to {end or market.now.date()} have a close of every "
            f"asset; the data run from {market.dates[0].date()} to {market.now.date()}"
        )
    returns = log_returns(prices)
    artefacts.write_dated(folder / PRICES, prices)
    artefacts.write_dated(folder / RETURNS, returns)
    about = {
        "data": data,
        "data_id": market.id,
        "calendar": market.calendar.name,
        "assets": [str(a) for a in prices.columns if a != reference],
        "reference": reference if reference in prices.columns else None,
        "left_out": [str(a) for a in closes.columns[~complete]],
        "first": f"{returns.index[0]:%Y-%m-%d}",
        "last": f"{returns.index[-1]:%Y-%m-%d}",
        "rows": len(returns),
        "dropped_rows": len(covered) - len(prices),
    }
    artefacts.write_json(folder / ABOUT, about)
    return about


def _names(card: Card, market: Market) -> tuple[tuple[str, ...], str | None]:
    """Return the assets, the fund of the whole market last, and that fund."""
    known = {*market.assets, market.benchmark}
    reference = card.market if card.market in known else market.benchmark
    own = card.universe if set(card.universe) <= known else market.assets
    names = tuple(a for a in own if a != reference)
    return ((*names, reference) if reference else names), reference


def log_returns(prices: pd.DataFrame) -> pd.DataFrame:
    """Return ln(P[t] / P[t-1]) of rows that follow each other (date x asset)."""
    steps = np.diff(np.log(prices.to_numpy(np.float64)), axis=0)
    return pd.DataFrame(steps, index=prices.index[1:], columns=prices.columns)


def export_residuals(folder: Path) -> dict[str, Any]:
    """Write what fixed and rolling components leave of the returns in a folder, and their shares.

    The fund of the whole market is no component; ``scree.json`` tells its shares beside the others.

    Raises
    ------
    MissingData
        The folder holds no returns, or they hold no fold; says what to do.
    """
    about = artefacts.read_json(folder / ABOUT, maker("returns", folder))
    returns = artefacts.read_dated(folder / RETURNS, maker("returns", folder))
    card, assets = read(SYSTEM), about["assets"]
    folds = _folds(card, returns)
    fits = residuals.fold_fits(returns[assets], folds)
    tables = {
        "fixed": residuals.fixed(returns[assets], fits),
        "rolling": residuals.rolling(returns[assets]),
    }
    claimed = next(c.claimed["explained"] for c in card.claims if "explained" in c.claimed)
    origin = {"made_from": artefacts.content(folder / RETURNS), "assets": assets}
    scree = {**origin, **residuals.scree(fits, claimed)}
    if about["reference"]:
        whole = residuals.fold_fits(returns[[*assets, about["reference"]]], folds)
        scree["with_market"] = residuals.scree(whole, claimed)
    shapes = {**origin, **{name: normality.shapes(table) for name, table in tables.items()}}
    for name, table in zip((FIXED, ROLLING), tables.values(), strict=True):
        artefacts.write_dated(folder / name, table)
    artefacts.write_json(folder / SCREE, scree)
    artefacts.write_json(folder / SHAPES, shapes)
    return {"scree": scree, "shapes": shapes}


def _folds(card: Card, returns: pd.DataFrame) -> tuple[Fold, ...]:
    first, last = returns.index[0], returns.index[-1]
    folds = calendar_folds(first, last, card.train_years, card.test_years, card.folds)
    if not folds:
        raise MissingData(
            f"{RETURNS}: {first.date()} to {last.date()} holds no fold of {card.train_years} years "
            "of training and a test: export a longer period"
        )
    return folds


def export_experiments(
    folder: Path, ledger: Ledger, *, jobs: int | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Run the walk-forward of every strategy and variant and write what each of them made.

    Parameters
    ----------
    folder : where both earlier steps left their files.
    ledger : every path is recorded in it as a trial.
    jobs : threads; the numbers do not depend on it.
    progress : called with (strategies run, all).

    Returns
    -------
    dict
        What `tiltwise.report.claims.evidence_page` shows; growth is series, tables are lists of
        rows.

    Raises
    ------
    MissingData, RevisedData
        An earlier step is missing, or was repeated since; says which to run.
    """
    files = _files(folder)
    card, about = read(SYSTEM), files["about"]
    market = Market.from_frames(
        prices=files["prices"], benchmark=about["reference"], calendar=about["calendar"]
    )
    own = card_data(card, market)
    if len(own.test_dates) < FEWEST:
        raise MissingData(
            f"{folder / RETURNS}: {len(own.test_dates)} sessions of test after {card.train_years} "
            f"years of training, {FEWEST} needed: {maker(STEPS[0], folder)} with a longer period"
        )
    measurement = Measurement(ledger, about["data"], jobs)
    run = experiments.run(card, own, measurement, progress)
    dates = pd.DatetimeIndex(own.returns.index)
    tables = {
        FOLDS: experiments.fold_table(own.folds, dates),
        RESULTS: experiments.results(run),
        BY_FOLD: experiments.per_fold(run, own.folds),
    }
    record = evidence_file.assemble(card, own, run, files, tables[RESULTS], tables[FOLDS])
    tables[SENSITIVITY] = pd.DataFrame(record["sensitivity"])
    for name, table in tables.items():
        artefacts.write_rows(folder / name, table)
    stored = {k: v for k, v in record.items() if k not in evidence_file.DRAWN}
    artefacts.write_json(folder / EVIDENCE, stored)
    return {**record, "per_fold": tables[BY_FOLD].to_dict("records")}


def _files(folder: Path) -> dict[str, Any]:
    """Return what the earlier steps left, if it belongs together."""
    first, second = (maker(step, folder) for step in STEPS[:2])
    tables = {
        "about": artefacts.read_json(folder / ABOUT, first),
        "prices": artefacts.read_dated(folder / PRICES, first),
        "returns": artefacts.read_dated(folder / RETURNS, first),
        "scree": artefacts.read_json(folder / SCREE, second),
        "shapes": artefacts.read_json(folder / SHAPES, second),
        "fixed": artefacts.read_dated(folder / FIXED, second),
        "rolling": artefacts.read_dated(folder / ROLLING, second),
    }
    if not log_returns(tables["prices"]).equals(tables["returns"]):
        raise RevisedData(
            f"{folder / RETURNS} are not the returns of {folder / PRICES}: run {first}, {second}"
        )
    if tables["scree"]["made_from"] != artefacts.content(folder / RETURNS):
        raise RevisedData(
            f"{folder / SCREE} was made from other returns than {folder / RETURNS}: run {second}"
        )
    if tuple(tables["fixed"].columns) != tuple(tables["about"]["assets"]):
        raise DataError(f"{folder / FIXED} has other assets than {folder / ABOUT}: run {second}")
    return tables
