"""Time of tuning the inclusion classifier, against scikit-learn's grid search.

The unit of work is a search on three folds of months and a final fit, with XGBoost on one thread a
fit and two fits at a time: ours reads the numbers of rounds off one booster, `GridSearchCV` fits
each point anew. By default 24 of the 432 points of the published grid (2 depths, 2 rates, 2 shares
of rows and the 3 numbers of rounds), since cost is proportional to the points; `--full` takes all.
Before timing, the area of every point must agree, and the model chosen must predict the same bits.

    python benchmarks/classifier.py [--date 2025-01-31] [--repeats 3] [--full]
"""

import sys
from typing import Any

import numpy as np
import pandas as pd
from harness import arguments, interleave, peer, record

from tiltwise.models.inclusion.classifier import InclusionModel, fit_inclusion
from tiltwise.models.inclusion.search import GRID, Search, month_folds, points

JOBS = 2
MONTHS, ASSETS, WIDTH = 127, 11, 20  # 1397 rows
PART = {
    **GRID,
    "max_depth": (4, 8),
    "learning_rate": (0.05, 0.15),
    "colsample_bytree": (0.8,),
    "reg_alpha": (0,),
    "reg_lambda": (1,),
}


def table() -> tuple[pd.DataFrame, pd.Series]:
    """Rows with labels of which a third follows from three of twenty features."""
    rng = np.random.default_rng(0)
    months = pd.bdate_range("2010-01-29", periods=MONTHS, freq="BME")
    index = pd.MultiIndex.from_product([months, range(ASSETS)], names=["date", "asset"])
    x = pd.DataFrame(rng.normal(size=(len(index), WIDTH)), index, [f"f{i}" for i in range(WIDTH)])
    score = x["f0"] + x["f1"] * x["f2"] + 1.5 * rng.normal(size=len(index))
    return x, (score > 0.5).astype(int)


def check(ours: InclusionModel, theirs: Any, x: pd.DataFrame) -> dict[str, Any]:
    """Refuse to time searches that differ."""
    areas = np.abs(ours.search["mean"] - theirs.cv_results_["mean_test_score"]).max()
    told = theirs.predict_proba(x.to_numpy())[:, 1].astype(np.float64)
    same = dict(ours.point) == theirs.best_params_
    if not same or areas > 1e-12 or told.tobytes() != ours.probability(x).to_numpy().tobytes():
        raise SystemExit(f"the searches differ: {ours.point}, {theirs.best_params_}, {areas:.1e}")
    return {"same_model": True, "errors": {"area": float(f"{areas:.1e}")}}


def main() -> None:
    full = "--full" in sys.argv
    sys.argv = [word for word in sys.argv if word != "--full"]
    options = arguments(__doc__)
    x, y = table()
    grid, found = (GRID if full else PART), {}
    plan = Search(grid=grid, jobs=JOBS)
    candidates: dict[str, Any] = {"tiltwise": lambda: fit_inclusion(x, y, plan)}
    selection, package = peer("sklearn.model_selection"), peer("xgboost")
    if package is None:
        return
    if selection is not None:
        folds = month_folds(pd.DatetimeIndex(x.index.get_level_values("date")))
        values = {name: list(given) for name, given in grid.items()}

        def call() -> Any:
            base = package.XGBClassifier(tree_method="hist", n_jobs=1, random_state=plan.seed)
            search = selection.GridSearchCV(base, values, scoring="roc_auc", cv=folds, n_jobs=JOBS)
            return search.fit(x.to_numpy(), y.to_numpy())

        candidates["scikit-learn GridSearchCV"] = call
        found = check(candidates["tiltwise"](), call(), x)
    medians = interleave(candidates, options.repeats)
    record(
        "inclusion classifier, grid search",
        medians,
        "tiltwise",
        options.date,
        rows=len(x),
        features=WIDTH,
        points=len(points(grid)),
        jobs=JOBS,
        **found,
    )


if __name__ == "__main__":
    main()
