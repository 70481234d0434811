"""Time of the strictly past rolling PCA of a panel, against peer libraries.

Unit of work: from returns (T, N) to the residual of every row on three components of the 60 rows
before it. T is 3500 for 9 sector ETFs and for 500 stocks.

Peers: the published form, one scikit-learn PCA a row; and a loop of NumPy singular value
decompositions. For 500 stocks both do a slice of the rows and their time is multiplied up
("scaled"). All run in one process, in turn, and with one BLAS thread, as ours always does: with
more, the peers slow down many times on a busy machine. The residuals are compared with ours before
timing; the largest absolute difference is in the record as "errors".

    python benchmarks/rolling_pca.py [--date 2025-01-31] [--repeats 5]
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from harness import arguments, interleave, peer, record
from threadpoolctl import threadpool_limits

from tiltwise.kernels import pca

WINDOW, FACTORS = 60, 3


def panel(rows: int, assets: int) -> Any:
    rng = np.random.default_rng(0)
    common = rng.normal(0.0, [0.010, 0.004, 0.003], (rows, FACTORS))
    return common @ rng.normal(1.0, 0.5, (FACTORS, assets)) + rng.normal(0, 0.006, (rows, assets))


def sklearn_loop(returns: Any) -> Callable[[], Any] | None:
    module = peer("sklearn.decomposition")
    if module is None:
        return None

    def call() -> Any:
        out = np.full(returns.shape, np.nan)
        for t in range(WINDOW, len(returns)):
            fit = module.PCA(n_components=FACTORS).fit(returns[t - WINDOW : t])
            row = returns[t : t + 1]
            out[t] = row[0] - fit.inverse_transform(fit.transform(row))[0]
        return out

    return call


def run(name: str, rows: int, assets: int, slice_: int, options: Any) -> None:
    returns = panel(rows, assets)
    part = returns[: WINDOW + slice_]
    factor = (rows - WINDOW) / slice_
    label = ", scaled" if factor > 1 else ""
    candidates = {
        "tiltwise": lambda: pca.rolling_residuals(returns, WINDOW, FACTORS),
        f"NumPy loop of SVD{label}": lambda: pca.rolling_residuals_reference(part, WINDOW, FACTORS),
    }
    loop = sklearn_loop(part)
    if loop is not None:
        candidates[f"scikit-learn loop{label}"] = loop
    ours = candidates["tiltwise"]()[WINDOW : len(part)]
    errors = {
        key: float(f"{np.abs(call()[WINDOW:] - ours).max():.1e}")
        for key, call in candidates.items()
        if key != "tiltwise"
    }
    with threadpool_limits(1, user_api="blas"):
        medians = interleave(candidates, options.repeats)
    scaled = {key: value * (factor if key in errors else 1.0) for key, value in medians.items()}
    record(f"rolling_pca {name}", scaled, "tiltwise", options.date, errors=errors)


def main() -> None:
    options = arguments(__doc__)
    run("N=9 T=3500", 3500, 9, 3440, options)
    run("N=500 T=3500", 3500, 500, 200, options)


if __name__ == "__main__":
    main()
