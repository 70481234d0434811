"""Time of jump models, against the reference package jumpmodels.

Units of work, on invented features with two persistent regimes, 20 features a row:

- grid: 20 penalties, 10 starts each, T = 3000; ours from the frame to sorted labels
  ("frames"), and from the array to labels ("arrays");
- sparse: 4 penalties by 2 numbers of features, T = 3000;
- online: one call that labels 1000 rows one after another, in the kernel per row.

Before timing, labels must be the same in every fit; the largest relative difference of an objective
is in the record as "errors". All run in one process, in turn, and with one BLAS thread.

    python benchmarks/jump.py [--date 2025-01-31] [--repeats 5]
"""

from typing import Any

import numpy as np
import pandas as pd
from harness import arguments, interleave, peer, record
from threadpoolctl import threadpool_limits

from tiltwise.kernels.jump import fit, general, kmeanspp
from tiltwise.kernels.jump import rows as jump_rows
from tiltwise.kernels.jump import states as jump_states
from tiltwise.models.regimes.jump_model import JumpModel, SparseJumpModel, fit_penalties

WIDTH, ROWS = 20, 3000
PENALTIES = np.geomspace(1.0, 300.0, 20)
SPARSE = [(penalty, kept) for penalty in (20.0, 50.0, 100.0, 200.0) for kept in (4.0, 9.5)]


def features(rows: int) -> pd.DataFrame:
    """Regimes of 250 rows on average, felt by half of the features."""
    rng = np.random.default_rng(0)
    state = np.cumsum(rng.random(rows) < 1 / 250) % 2
    strength = np.append(np.linspace(0.2, 1.5, WIDTH // 2), np.zeros(WIDTH // 2))
    values = rng.normal(0.0, 1.0, (rows, WIDTH)) + state[:, None] * strength
    return pd.DataFrame((values - values.mean(axis=0)) / values.std(axis=0))


def arrays(values: Any) -> list[fit.Fit]:
    rows, weights = jump_rows.prepare(values), np.ones(WIDTH)
    starts = kmeanspp.starts(rows, weights, 2, 10, 0)
    many = [jump_states.discrete_states(2, penalty) for penalty in PENALTIES]
    return fit.fit_many(rows, many, weights, starts)


def sparse(table: pd.DataFrame) -> list[JumpModel]:
    return [SparseJumpModel(jump_penalty=p, max_features=k).fit(table) for p, k in SPARSE]


def errors(ours: list[JumpModel], theirs: list[Any]) -> dict[str, Any]:
    pairs = list(zip(ours, theirs, strict=True))
    same = [(a.labels_.to_numpy() == np.asarray(b.labels_)).all() for a, b in pairs]
    gaps = [abs(a.objective_ / b.val_ - 1.0) for a, b in pairs]
    return {
        "same_labels": f"{int(np.sum(same))} of {len(same)}",
        "errors": {"jumpmodels": float(f"{max(gaps):.1e}")},
    }


def run_grid(table: pd.DataFrame, options: Any) -> None:
    values, found = table.to_numpy(), {}
    candidates: dict[str, Any] = {
        "tiltwise, arrays": lambda: arrays(values),
        "tiltwise, frames": lambda: fit_penalties(JumpModel(), PENALTIES, table),
    }
    package = peer("jumpmodels.jump")
    if package is not None:

        def call() -> Any:
            return [package.JumpModel(2, p).fit(table) for p in PENALTIES]

        candidates["jumpmodels"] = call
        found = errors(candidates["tiltwise, frames"](), call())
    medians = interleave(candidates, options.repeats)
    record("jump grid", medians, "tiltwise, arrays", options.date, rows=ROWS, fits=20, **found)


def run_sparse(table: pd.DataFrame, options: Any) -> None:
    found = {}
    candidates: dict[str, Any] = {"tiltwise": lambda: sparse(table)}
    package = peer("jumpmodels.sparse_jump")
    if package is not None:

        def call() -> Any:
            return [
                package.SparseJumpModel(2, max_feats=k, jump_penalty=p).fit(table)
                for p, k in SPARSE
            ]

        candidates["jumpmodels"] = call
        theirs = call()
        for model in theirs:
            model.val_ = model.jm_ins.val_
        found = errors(sparse(table), theirs)
    medians = interleave(candidates, options.repeats)
    record("sparse jump", medians, "tiltwise", options.date, rows=ROWS, fits=8, **found)


def run_online(table: pd.DataFrame, options: Any) -> None:
    model = JumpModel().fit(table)
    rows = np.ascontiguousarray(table.to_numpy()[:1000])
    states, weights, carry = model.states_, model.weights_, np.full(2, np.nan)

    def kernel() -> Any:
        part = jump_rows.losses(rows, model.centers_, weights, states.points, True)
        return general.online(part, states.penalty, states.initial, carry)

    candidates = {"tiltwise kernel": kernel, "tiltwise": lambda: model.filter(table[:1000])}
    package = peer("jumpmodels.jump")
    if package is not None:
        theirs = package.JumpModel(2, 50.0).fit(table)
        candidates["jumpmodels"] = lambda: theirs.predict_online(table[:1000])
    medians = interleave(candidates, options.repeats)
    microseconds = round(1e3 * medians["tiltwise kernel"], 4)
    record(
        "jump online, 1000 rows", medians, "tiltwise kernel", options.date, us_per_row=microseconds
    )


def main() -> None:
    options = arguments(__doc__)
    table = features(ROWS)
    with threadpool_limits(1, user_api="blas"):
        run_grid(table, options)
        run_sparse(table, options)
        run_online(table, options)


if __name__ == "__main__":
    main()
