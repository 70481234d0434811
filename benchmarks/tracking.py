"""Time and optimality gap of tracking an index with a few of its assets.

Questions: (1) at most five of eleven assets; (2) the best error of every number of holdings, eleven
and fifteen assets; (3) twenty of two hundred. Weights add up to one, each is zero or from 0.5 % to
30 %. The benchmark is a mix of all assets plus noise.

- `frontier` and `track` are the functions on frames, moments and proofs included; `kernel` is the
  search over subsets on arrays.
- `every subset, daqp` solves a quadratic programme for each subset, as the source suggests.
- cvxpy hands the mixed-integer programme to SCIP, once per size, moments included; skfolio is
  `BenchmarkTracker` with a cardinality, also by SCIP: the whole call that a user makes.
- In (3), SCIP stops after ten seconds; `relax and round` solves without the limit of holdings
  (Clarabel), keeps the twenty largest and solves again.

The gap is how much larger a candidate's tracking error is than the best one, relative.

    .venv/bin/python -m benchmarks.tracking --date 2026-01-31
"""

import itertools
import warnings

import numpy as np
import pandas as pd
from harness import arguments, interleave, peer, record

from tiltwise.kernels.subset.exact import best_subsets, best_subsets_reference
from tiltwise.kernels.subset.weights import Problem, active_moment
from tiltwise.portfolio.replication.sparse import Goal, Sparse
from tiltwise.portfolio.replication.tracking import frontier, track

ROWS, CAP, FLOOR, STOP = 273, 0.3, 0.005, 10.0
CENTRED = Goal(around_mean=True)  # skfolio's error is a standard deviation


def problems(n, count, rows=ROWS):
    rng = np.random.default_rng(n)
    names = [f"A{i:03}" for i in range(n)]
    for _ in range(count):
        factors = rng.normal(size=(rows, 3)) @ rng.normal(size=(3, n)) * 0.4
        noise = rng.normal(size=(rows, 1)) + 0.8 * rng.normal(size=(rows, n))
        values = 0.01 * (factors + noise)
        path = values @ rng.dirichlet(np.ones(n)) + 0.001 * rng.normal(size=rows)
        yield pd.DataFrame(values, columns=names), pd.Series(path)


def arrays(returns, benchmark):
    moment = active_moment(returns.to_numpy(), benchmark.to_numpy(), True)
    n = len(moment)
    return Problem(2.0 * moment, np.zeros(n), 0.0, np.zeros(n), FLOOR, CAP)


def error(returns, benchmark, weights):
    """Tracking error of a peer's weights, cleaned of what its tolerances leave."""
    w = np.where(np.asarray(weights) > 0.5 * FLOOR, weights, 0.0)
    return float((returns @ (w / w.sum()) - benchmark).std())


def scip(cvxpy, returns, benchmark, k, **settings):
    """The mixed-integer programme of one size, weights scaled to fit the solver's tolerances."""
    n = returns.shape[1]
    root = np.linalg.cholesky(arrays(returns, benchmark).hessian + 1e-14 * np.eye(n)).T
    w, held = cvxpy.Variable(n), cvxpy.Variable(n, boolean=True)
    limits = [cvxpy.sum(w) == 1, w <= CAP * held, w >= FLOOR * held, cvxpy.sum(held) <= k]
    goal = cvxpy.Minimize(cvxpy.sum_squares(1e3 * root @ w))
    cvxpy.Problem(goal, limits).solve(solver="SCIP", **settings)
    return w.value


def relaxed(cvxpy, returns, benchmark, k):
    """Solve without a limit of holdings, then for the k largest alone."""
    root = np.linalg.cholesky(arrays(returns, benchmark).hessian).T
    kept = np.arange(returns.shape[1])
    for _ in range(2):
        w = cvxpy.Variable(len(kept))
        goal = cvxpy.Minimize(cvxpy.sum_squares(1e3 * root[:, kept] @ w))
        limits = [cvxpy.sum(w) == 1, w <= CAP, w >= 0]
        cvxpy.Problem(goal, limits).solve(solver="CLARABEL")
        out = np.zeros(returns.shape[1])
        out[kept] = w.value
        kept = np.sort(np.argsort(-out)[:k])
    return out


def one_size(args, k=5, n=11):
    given = list(problems(n, 10))
    ready = itertools.cycle([arrays(*g) for g in given])
    answers = {
        "track": lambda g: track(*g, Sparse(k), CENTRED).weights,
        "track, search": lambda g: track(*g, Sparse(k, method="search"), CENTRED).weights,
        "every subset, daqp": lambda g: best_subsets_reference(arrays(*g), 1, k).books[k],
    }
    cvxpy, skfolio = mixed_integer()
    if cvxpy is not None:
        answers["cvxpy SCIP"] = lambda g: scip(cvxpy, *g, k)
        answers["cvxpy Clarabel, relax and round"] = lambda g: relaxed(cvxpy, *g, k)
    if skfolio is not None and cvxpy is not None:
        answers["skfolio BenchmarkTracker, SCIP"] = lambda g: (
            skfolio.BenchmarkTracker(
                cardinality=k, threshold_long=FLOOR, max_weights=CAP, solver="SCIP"
            )
            .fit(*g)
            .weights_
        )
    compare(args, f"tracking: {k} of {n} assets", answers, given, "track",
            {"kernel": lambda: best_subsets(next(ready), k, k)})  # fmt: skip


def every_size(args, n):
    given = list(problems(n, 6))
    turns = {name: itertools.cycle(given) for name in ("frontier", "daqp", "SCIP")}
    ready = itertools.cycle([arrays(*g) for g in given])
    candidates = {
        "frontier": lambda: frontier(*next(turns["frontier"]), goal=CENTRED),
        "kernel": lambda: best_subsets(next(ready), 1, n),
    }
    if n <= 11:
        every = turns["daqp"]
        candidates["every subset, daqp"] = lambda: best_subsets_reference(
            arrays(*next(every)), 1, n
        )
    cvxpy, _ = mixed_integer()
    notes = {"rows": ROWS, "nodes": max(best_subsets(arrays(*g), 1, n).nodes for g in given)}
    if cvxpy is not None:

        def all_by_scip():
            g = next(turns["SCIP"])
            return [scip(cvxpy, *g, k) for k in range(4, n + 1)]

        candidates["cvxpy SCIP, each size"] = all_by_scip
        best = frontier(*given[0], goal=CENTRED).table["tracking_error"]
        gaps = [error(*given[0], w) / best[k] - 1 for k, w in enumerate(all_by_scip(), start=4)]
        notes["SCIP_gaps"] = [float(f"{min(gaps):.1e}"), float(f"{max(gaps):.1e}")]
    medians = interleave(candidates, args.repeats)
    record(f"tracking: every size of {n} assets", medians, "frontier", args.date, **notes)


def many(args, k=20, n=200):
    given = list(problems(n, 1, rows=500))
    answers = {
        "track": lambda g: track(*g, Sparse(k), CENTRED).weights,
        "track, no kicks": lambda g: track(*g, Sparse(k, kicks=0), CENTRED).weights,
        "track, rounded": lambda g: track(*g, Sparse(k, method="rounded"), CENTRED).weights,
    }
    cvxpy, _ = mixed_integer()
    if cvxpy is not None:
        answers["cvxpy Clarabel, relax and round"] = lambda g: relaxed(cvxpy, *g, k)
        limit = {"scip_params": {"limits/time": STOP}}
        answers["cvxpy SCIP, ten seconds"] = lambda g: scip(cvxpy, *g, k, **limit)
    args.repeats = min(args.repeats, 3)
    compare(args, f"tracking: {k} of {n} assets", answers, given, "track", {})


def mixed_integer():
    """cvxpy, if it has SCIP, and skfolio."""
    cvxpy, skfolio = peer("cvxpy"), peer("skfolio.optimization")
    if cvxpy is not None and "SCIP" not in cvxpy.installed_solvers():
        print("skipped: cvxpy has no SCIP (install pyscipopt)")
        cvxpy = None
    return cvxpy, skfolio


def compare(args, name, answers, given, base, more):
    """Time the candidates and measure the gap of each to the best, on each problem."""
    errors = pd.DataFrame({a: [error(*g, call(g)) for g in given] for a, call in answers.items()})
    gaps = (errors.div(errors.min(axis=1), axis=0) - 1.0).max()
    turns = {a: itertools.cycle(given) for a in answers}
    candidates = {a: lambda a=a, call=call: call(next(turns[a])) for a, call in answers.items()}
    medians = interleave({**candidates, **more}, args.repeats)
    notes = {key: float(f"{gap:.1e}") for key, gap in gaps.items()}
    record(name, medians, base, args.date, rows=len(given[0][0]), worst_gap=notes)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    options = arguments(__doc__)
    one_size(options)
    every_size(options, 11)
    every_size(options, 15)
    many(options)
