"""Effect of revisions on macro series and on the features computed from them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tiltwise.errors import MissingData
from tiltwise.features.macro.transformations import REACH, Rule, transformed
from tiltwise.kernels.arrays import Floats
from tiltwise.market.macro.vintages import Vintages

TAIL = 24  #: months at the end of a vintage within which a value can be first published


def revisions(
    known: Vintages, series: Sequence[str] | None = None, rule: Rule = "codes"
) -> pd.DataFrame:
    """Compare the first release of every month with the newest vintage, series by series.

    A first release is the value of a month in the first vintage that has it; months that were
    there when a series entered do not count: their first publication is unknown.

    Parameters
    ----------
    known : the vintages; the last one is the latest.
    series : which; by default all of the last vintage.
    rule : transformation of the feature columns, as in `macro_rules.transformed`.

    Returns
    -------
    Frame by series: ``months`` compared; ``revision``, mean absolute difference of the level in its
    own unit, and ``revision_share`` of the mean absolute level; ``largest`` and its month
    ``largest_in``; ``first`` and ``latest`` value of that month; for the transformed series
    ``feature_revision`` (mean absolute), ``feature_noise`` (root mean square of the revision over
    the standard deviation of the latest values) and ``sign_changed`` (share of months in which
    first release and latest value have opposite signs).

    Raises
    ------
    MissingData
        There is one vintage only, or a series that the last one lacks.
    """
    if len(known) < 2 or known.revised:
        raise MissingData("revisions need the tables of several months: give every vintage")
    newest = known.frame()
    names = list(newest.columns) if series is None else list(series)
    for name in names:
        if name not in newest.columns:
            raise MissingData(
                f"vintage {known.labels[-1]} has no series {name!r}; it has "
                f"{', '.join(newest.columns[:8])} and {max(newest.shape[1] - 8, 0)} more"
            )
    levels, features = _first_releases(known, names, newest.index, rule)
    codes = known.tcodes()
    rows = {}
    for i, name in enumerate(names):
        latest = newest[[name]].to_numpy()
        moved = transformed(latest, np.array([codes[name]], dtype=np.int8), rule)
        rows[name] = _compared(
            newest.index, levels[:, i], latest[:, 0], features[:, i], moved[:, 0]
        )
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(index="series")


def _first_releases(
    known: Vintages, names: list[str], index: pd.Index, rule: Rule
) -> tuple[Floats, Floats]:
    """Return first published levels and features (month, series), NaN where unknown."""
    levels = np.full((len(index), len(names)), np.nan)
    features = levels.copy()
    seen = np.full(len(names), -1)  # last month (row of `index`) published so far
    for place in range(len(known)):
        frame = known.frame(place)
        tail = frame.iloc[-(TAIL + REACH) :]
        values = tail.reindex(columns=names).to_numpy()
        codes = known.tcodes(place).reindex(names).fillna(0).to_numpy(np.int8)
        moved = transformed(values, codes, rule)
        rows = index.get_indexer(tail.index)[:, None]
        there = np.isfinite(values) & (rows >= 0)
        fresh = there & (rows > seen) & (seen >= 0) & (np.arange(len(tail)) >= REACH)[:, None]
        for r, c in np.argwhere(fresh):
            levels[rows[r, 0], c], features[rows[r, 0], c] = values[r, c], moved[r, c]
        seen = np.maximum(seen, np.where(there, rows, -1).max(axis=0))
    return levels, features


def _compared(
    index: pd.Index, first: Floats, latest: Floats, feature: Floats, moved: Floats
) -> dict[str, object]:
    both = np.flatnonzero(np.isfinite(first) & np.isfinite(latest))
    if not both.size:
        return {"months": 0}
    gap = np.abs(latest - first)[both]
    worst = both[gap.argmax()]
    pairs = np.isfinite(feature) & np.isfinite(moved)
    slip, spread = moved[pairs] - feature[pairs], moved[pairs].std() if pairs.any() else np.nan
    return {
        "months": len(both),
        "revision": gap.mean(),
        "revision_share": gap.mean() / np.abs(latest[both]).mean(),
        "largest": gap.max(),
        "largest_in": index[worst],
        "first": first[worst],
        "latest": latest[worst],
        "feature_revision": np.abs(slip).mean() if pairs.any() else np.nan,
        "feature_noise": np.sqrt((slip**2).mean()) / spread if spread > 0 else np.nan,
        "sign_changed": (feature[pairs] * moved[pairs] < 0).mean() if pairs.any() else np.nan,
    }
