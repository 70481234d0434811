"""Size and power of the tests for data snooping.

Unit of work: one panel of T days of a benchmark and N trials. Without skill all have the same mean;
with skill one trial is better by the given annual Sharpe ratio of its difference. Printed are the
shares of panels rejected at 5 % by our studentised test and by `arch` as it comes (raw means, and a
block length of sqrt(T)), the mean distance of their p-values, and the seconds of one test.

A second round gives the trials very different volatilities, which is where studentising counts.
"""

import argparse
import math
import time

import numpy as np
from arch.bootstrap import SPA

from tiltwise.evaluate.significance.data_snooping import reality_check, superior_ability

DAYS = 252
LEVEL = 0.05


def panel(rng, rows, trials, skill, uneven):
    """Benchmark (T,) and trials (T, N); the skilled trial is the one of median risk."""
    risk = np.geomspace(0.2, 5.0, trials) if uneven else np.ones(trials)
    benchmark = 0.01 * rng.standard_normal(rows)
    active = 0.01 * risk * rng.standard_normal((rows, trials))
    active[:, trials // 2] += 0.01 * risk[trials // 2] * skill / math.sqrt(DAYS)
    return benchmark, benchmark[:, None] + active


def bare_arch(benchmark, trials, draws, seed):
    test = SPA(-benchmark, -trials, reps=draws, seed=seed)
    test.compute()
    return float(test.pvalues["consistent"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--panels", type=int, default=200)
    parser.add_argument("--rows", type=int, default=756)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--draws", type=int, default=300)
    options = parser.parse_args()
    print(f"T = {options.rows}, N = {options.trials}, {options.panels} panels, share rejected")
    tests = {
        "superior_ability": lambda b, m, seed: (
            superior_ability(b, m, draws=options.draws, seed=seed).consistent
        ),
        "arch SPA": lambda b, m, seed: bare_arch(b, m, options.draws, seed),
        "reality_check": lambda b, m, seed: reality_check(b, m, draws=options.draws, seed=seed),
    }
    for uneven in (False, True):
        for skill in (0.0, 1.5, 3.0):
            count = options.panels if skill == 0.0 else options.panels // 4
            p_values = {name: np.empty(count) for name in tests}
            seconds = dict.fromkeys(tests, 0.0)
            for k in range(count):
                rng = np.random.default_rng([k, int(10 * skill), uneven])
                benchmark, trials = panel(rng, options.rows, options.trials, skill, uneven)
                for name, test in tests.items():
                    start = time.perf_counter()
                    p_values[name][k] = test(benchmark, trials, k)
                    seconds[name] += time.perf_counter() - start
            kind = "size          " if skill == 0.0 else f"power at {skill:3.1f}  "
            error = math.sqrt(LEVEL * (1 - LEVEL) / count)
            shares = "  ".join(
                f"{name} {100 * np.mean(p < LEVEL):5.1f} % ({seconds[name] / count:.2f} s)"
                for name, p in p_values.items()
            )
            gap = np.mean(np.abs(p_values["superior_ability"] - p_values["arch SPA"]))
            risk = "uneven risk" if uneven else "even risk  "
            print(f"  {risk} {kind} {shares}  |p - p of arch| {gap:.3f}", end="")
            print(f"  (5 % +- {100 * error:.1f})" if skill == 0.0 else "")


if __name__ == "__main__":
    main()
