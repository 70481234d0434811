"""Time of a Black-Litterman book at a tracking-error target.

Question: seven assets, a new covariance and six new views on each call; long only, fully invested.
Unit of work: from prior and views to weights with a tracking error of 2 % a year.

- `at_tracking_error` is one solve: the search for the scale of the views' uncertainty, the proof,
  the weights by asset. "frames made too" adds making its prior and views, four frames, from arrays.
- The peers get an easier question, which needs no search: the posterior mean at a small uncertainty
  is given, and the tracking error is a constraint. cvxpy rebuilt on each call (as user code does)
  or with parameters (DPP), and scipy's SLSQP, started from the benchmark.
- "cvxpy, same search" looks for the scale too, with scipy's brentq; it shows that both find the
  same book. `differences` are the largest of weights to it, and of tracking errors to the target.

A second record is risk parity against skfolio and SLSQP, moments given to ours and to SLSQP.

    .venv/bin/python benchmarks/black_litterman.py --date 2026-01-31
"""

import itertools
import math
import warnings

import numpy as np
import pandas as pd
from harness import arguments, interleave, peer, record

from tiltwise.kernels.parity import parity
from tiltwise.portfolio.black_litterman import Prior, Views, posterior
from tiltwise.portfolio.risk_budget import risk_parity
from tiltwise.portfolio.tracking_error import at_tracking_error

ASSETS, ROWS, PROBLEMS, TARGET, DELTA = 7, 500, 40, 0.02, 2.5
NAMES = pd.Index([f"A{i}" for i in range(ASSETS)])
EQUAL = pd.Series(1.0 / ASSETS, NAMES)


def problems(assets=ASSETS):
    """Annual covariances and views on active returns within five percent a year."""
    rng = np.random.default_rng(0)
    for _ in range(PROBLEMS):
        own = rng.normal(size=(ROWS, assets)) * rng.uniform(0.02, 0.1, assets)
        returns = own + rng.normal(0.0, 0.16, (ROWS, 1))
        yield np.cov(returns.T), rng.uniform(-0.05, 0.05, assets - 1), returns


def stated(sigma, view):
    prior = Prior(pd.DataFrame(sigma, NAMES, NAMES), EQUAL, DELTA)
    return prior, Views.relative(pd.Series(view, NAMES[1:]), NAMES[0], NAMES)


def cvxpy_rebuilt(cvxpy, mean, sigma, constrained=True):
    w = cvxpy.Variable(ASSETS)
    limits = [w >= 0, cvxpy.sum(w) == 1]
    if constrained:
        root = np.linalg.cholesky(sigma).T
        limits.append(cvxpy.norm(root @ (w - EQUAL.to_numpy())) <= TARGET)
    goal = mean @ w - DELTA / 2 * cvxpy.quad_form(w, sigma, assume_PSD=True)
    cvxpy.Problem(cvxpy.Maximize(goal), limits).solve(solver="CLARABEL")
    return w.value


def cvxpy_parametrised(cvxpy):
    w, mean = cvxpy.Variable(ASSETS), cvxpy.Parameter(ASSETS)
    root = cvxpy.Parameter((ASSETS, ASSETS))
    away = cvxpy.norm(root @ w - root @ EQUAL.to_numpy()) <= TARGET
    goal = cvxpy.Maximize(mean @ w - DELTA / 2 * cvxpy.sum_squares(root @ w))
    problem = cvxpy.Problem(goal, [w >= 0, cvxpy.sum(w) == 1, away])

    def solve(mu, sigma):
        mean.value, root.value = mu, np.linalg.cholesky(sigma).T
        problem.solve(solver="CLARABEL")
        return w.value

    return solve


def slsqp(optimize, mean, sigma):
    equal = EQUAL.to_numpy()
    limits = [
        {"type": "eq", "fun": lambda w: w.sum() - 1},
        {"type": "ineq", "fun": lambda w: TARGET - math.sqrt((w - equal) @ sigma @ (w - equal))},
    ]
    start = equal + np.where(np.arange(ASSETS) == 0, 0.01, -0.01 / (ASSETS - 1))
    found = optimize.minimize(
        lambda w: DELTA / 2 * w @ sigma @ w - mean @ w, start, method="SLSQP",
        bounds=[(0, 1)] * ASSETS, constraints=limits, options={"ftol": 1e-12},
    )  # fmt: skip
    return found.x


def cvxpy_searching(cvxpy, optimize, sigma, view):
    prior, views = stated(sigma, view)
    equal = EQUAL.to_numpy()

    def book(x):
        return cvxpy_rebuilt(cvxpy, posterior(prior, views, math.exp(x)).mean.to_numpy(), sigma,
                             constrained=False)  # fmt: skip

    def gap(x):
        active = book(x) - equal
        return math.sqrt(active @ sigma @ active) - TARGET

    return book(optimize.brentq(gap, -8.0, 4.0, xtol=1e-6))


def tracking_error(args):
    every = [(s, v) for s, v, _ in problems()]
    # Only problems with a reachable target are the same question for all.
    every = [p for p in every if at_tracking_error(*stated(*p), TARGET).status == "optimal"]
    turn, ready = itertools.cycle(every), itertools.cycle([stated(*p) for p in every])
    means = [(posterior(*stated(*p), 0.02).mean.to_numpy(), p[0]) for p in every]
    given = itertools.cycle(means)
    candidates = {
        "at_tracking_error": lambda: at_tracking_error(*next(ready), TARGET),
        "at_tracking_error, frames made too": lambda: at_tracking_error(
            *stated(*next(turn)), TARGET
        ),
    }
    answers = [at_tracking_error(*stated(*p), TARGET) for p in every]
    errors = [abs(a.detail["tracking_error"] - TARGET) for a in answers]
    differences = {"tracking error to target": max(errors)}
    notes = {"problems": len(every), "worst_kkt": max(a.kkt for a in answers)}
    cvxpy, optimize = peer("cvxpy"), peer("scipy.optimize")
    if cvxpy is not None:
        call = cvxpy_parametrised(cvxpy)
        candidates["cvxpy DPP, constrained"] = lambda: call(*next(given))
        candidates["cvxpy rebuilt, constrained"] = lambda: cvxpy_rebuilt(cvxpy, *next(given))
    if optimize is not None:
        candidates["SLSQP, constrained"] = lambda: slsqp(optimize, *next(given))
    if cvxpy is not None and optimize is not None:
        candidates["cvxpy, same search"] = lambda: cvxpy_searching(cvxpy, optimize, *next(turn))
        apart = [
            np.abs(a.weights - cvxpy_searching(cvxpy, optimize, *p)).max()
            for a, p in zip(answers[:5], every[:5], strict=True)
        ]
        differences["weights to cvxpy, same search"] = float(max(apart))
    medians = interleave(candidates, args.repeats)
    notes["differences"] = {k: float(f"{v:.1e}") for k, v in differences.items()}
    record(f"Black-Litterman at a tracking error, N={ASSETS}", medians, "at_tracking_error",
           args.date, target=TARGET, **notes)  # fmt: skip


def equal_risk(args, assets):
    every = list(problems(assets))
    frames = itertools.cycle([pd.DataFrame(s) for s, _, _ in every])
    arrays = itertools.cycle([s / np.sqrt(np.outer(np.diag(s), np.diag(s))) for s, _, _ in every])
    samples, plain = (
        itertools.cycle([r for *_, r in every]),
        itertools.cycle([s for s, *_ in every]),
    )
    shares, errors = np.full(assets, 1.0 / assets), []

    def kernel():
        y = np.sqrt(shares)
        errors.append(parity(next(arrays), shares, 1e-12, y))
        return y

    candidates = {"kernel": kernel, "risk_parity": lambda: risk_parity(next(frames))}
    optimize, skfolio = peer("scipy.optimize"), peer("skfolio.optimization")
    if skfolio is not None:
        model = skfolio.RiskBudgeting()
        candidates["skfolio, moments included"] = lambda: model.fit(next(samples)).weights_
    if optimize is not None:
        candidates["SLSQP"] = lambda: slsqp_parity(optimize, next(plain))
    medians = interleave(candidates, args.repeats)
    record(f"allocation: risk parity, N={assets}", medians, "kernel", args.date,
           worst_error=float(f"{max(errors):.1e}"))  # fmt: skip


def slsqp_parity(optimize, sigma):
    n = len(sigma)

    def spread(w):
        parts = w * (sigma @ w)
        return ((parts / parts.sum() - 1.0 / n) ** 2).sum()

    budget = {"type": "eq", "fun": lambda w: w.sum() - 1}
    return optimize.minimize(spread, np.full(n, 1.0 / n), method="SLSQP", bounds=[(0, 1)] * n,
                             constraints=[budget], options={"ftol": 1e-15}).x  # fmt: skip


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    options = arguments(__doc__)
    tracking_error(options)
    equal_risk(options, 11)
    equal_risk(options, 100)
