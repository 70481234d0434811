"""Time of a small allocation, against general modelling libraries.

Question: eleven assets, long only, capped at 30 %, fully invested; a new covariance and mean on
each call. Unit of work: one solve, Python call included.

- `kernel` is `kernels.qp.solve` on arrays, its optimality check included; cvxpy solves the same
  quadratic programme, rebuilt on each call (as user code does) or with parameters (DPP). skfolio
  is timed as the whole call of a user, who estimates moments from 500 rows.
- `max_sharpe` and `minimum_variance` are the functions on frames, timed with the moments included
  like skfolio's answers to the same questions.
  `arrays` is minimum variance by `numpy.cov` and the kernel.

The gap is how much worse an answer is than the best one known, relative; `worst_kkt` is the largest
residual of the optimality conditions over all problems.

    .venv/bin/python -m benchmarks.allocation --date 2026-01-31
"""

import itertools
import warnings

import numpy as np
import pandas as pd
from harness import arguments, interleave, peer, record

from tiltwise.kernels import qp
from tiltwise.portfolio.constraints import Limits
from tiltwise.portfolio.optimise import max_sharpe, minimum_variance

ASSETS, ROWS, CAP, PROBLEMS = 11, 500, 0.3, 40


def problems():
    rng = np.random.default_rng(0)
    names = [f"A{i:02}" for i in range(ASSETS)]
    for _ in range(PROBLEMS):
        values = rng.normal(4e-4, 0.01, size=(ROWS, ASSETS))
        yield pd.DataFrame(0.8 * values + 0.5 * values[:, :1], columns=names)


def budget():
    return qp.region(np.zeros(ASSETS), np.full(ASSETS, CAP), np.ones((1, ASSETS)), [1.0], [1.0])


def quadratic(args, returns):
    """Mean-variance on arrays: the kernel against cvxpy."""
    within = budget()
    moments = [(r.cov().to_numpy(), -0.1 * r.mean().to_numpy()) for r in returns]
    turn = itertools.cycle(moments)
    candidates = {"tiltwise kernel": lambda: qp.solve(*next(turn), within)}
    notes = {"worst_kkt": max(qp.solve(*m, within).kkt for m in moments)}
    answers = {"tiltwise kernel": lambda m: qp.solve(*m, within).x}
    cvxpy = peer("cvxpy")
    if cvxpy is not None:
        rebuilt = make_rebuilt(cvxpy)
        parametrised = make_parametrised(cvxpy)
        for name, call in (("cvxpy rebuilt", rebuilt), ("cvxpy DPP", parametrised)):
            candidates[name] = lambda call=call: call(*next(turn))
            answers[name] = lambda m, call=call: call(*m)
    skfolio = peer("skfolio.optimization")
    if skfolio is not None:
        model, frames = skfolio.MeanRisk(max_weights=CAP), itertools.cycle(returns)
        candidates["skfolio MeanRisk, moments included"] = lambda: model.fit(next(frames))
    notes["gaps"] = gaps(moments, answers)
    medians = interleave(candidates, args.repeats)
    notes["solver"] = "CLARABEL"
    name = f"allocation: one quadratic programme, N={ASSETS}"
    record(name, medians, "tiltwise kernel", args.date, **notes)


def make_rebuilt(cvxpy):
    def solve(sigma, slope):
        w = cvxpy.Variable(ASSETS)
        goal = cvxpy.Minimize(1e4 * (0.5 * cvxpy.quad_form(w, sigma, assume_PSD=True) + slope @ w))
        cvxpy.Problem(goal, [w >= 0, w <= CAP, cvxpy.sum(w) == 1]).solve(solver="CLARABEL")
        return w.value

    return solve


def make_parametrised(cvxpy):
    w = cvxpy.Variable(ASSETS)
    root, tilt = cvxpy.Parameter((ASSETS, ASSETS)), cvxpy.Parameter(ASSETS)
    goal = cvxpy.Minimize(0.5 * cvxpy.sum_squares(root @ w) + tilt @ w)
    problem = cvxpy.Problem(goal, [w >= 0, w <= CAP, cvxpy.sum(w) == 1])

    def solve(sigma, slope):
        root.value, tilt.value = 100 * np.linalg.cholesky(sigma).T, 1e4 * slope
        problem.solve(solver="CLARABEL")
        return w.value

    return solve


def gaps(moments, answers):
    """Gap of each candidate's worst value to the best one, relative."""
    out = dict.fromkeys(answers, 0.0)
    for sigma, slope in moments:
        values = {}
        for name, answer in answers.items():
            w = np.clip(answer((sigma, slope)), 0.0, CAP)
            w /= w.sum()
            values[name] = 0.5 * w @ sigma @ w + slope @ w
        best = min(values.values())
        for name, value in values.items():
            out[name] = max(out[name], abs((value - best) / best))
    return {name: float(f"{gap:.1e}") for name, gap in out.items()}


def books(args, returns):
    """Complete calls from returns to weights: ours against skfolio."""
    limits, turn = Limits(upper=CAP), itertools.cycle(returns)
    within, nothing = budget(), np.zeros(ASSETS)
    arrays = itertools.cycle([np.ascontiguousarray(r.to_numpy().T) for r in returns])

    def our_sharpe():
        frame = next(turn)
        return max_sharpe(frame.mean(), frame.cov(), 0.0, limits)

    candidates = {
        "max_sharpe": our_sharpe,
        "minimum_variance": lambda: minimum_variance(next(turn).cov(), limits),
        "arrays": lambda: qp.solve(np.cov(next(arrays)), nothing, within),
    }
    skfolio = peer("skfolio.optimization")
    if skfolio is not None:
        kind = skfolio.ObjectiveFunction
        for name, goal in (
            ("MAXIMIZE_RATIO", kind.MAXIMIZE_RATIO),
            ("MINIMIZE_RISK", kind.MINIMIZE_RISK),
        ):
            model = skfolio.MeanRisk(objective_function=goal, max_weights=CAP)
            candidates[f"skfolio {name}"] = lambda model=model: model.fit(next(turn)).weights_
    medians = interleave(candidates, args.repeats)
    worst = max(max_sharpe(r.mean(), r.cov(), 0.0, limits).kkt for r in returns)
    record(f"allocation: from returns to weights, N={ASSETS}", medians, "max_sharpe", args.date,
           rows=ROWS, worst_kkt=worst)  # fmt: skip


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    options = arguments(__doc__)
    frames = list(problems())
    quadratic(options, frames)
    books(options, frames)
