"""Time of a complete null test and of a walk-forward inside it.

Unit of work: 200 null worlds of nine sample stocks with ten years to trade, in each of which the
best of 100 configurations of residual momentum is chosen by its Sharpe ratio after costs: 20,000
walk-forwards, every one with its replays. The goal is ten minutes on two cores.

The walk-forward alone is timed warm (fits kept), with a configuration not seen before, and as the
plain loop over `decide` (one of its ten years, "scaled"). The plain loop is the peer: no other
library runs a daily filter with yearly refits and a check for look-ahead.

    python benchmarks/null_world.py [--date 2025-01-31] [--repeats 5] [--worlds 200] [--jobs 2]
"""

import argparse
import dataclasses
import itertools
import time

import numpy as np
from harness import interleave, record

from tiltwise import Market, walk_forward
from tiltwise.recipes.residual_momentum import ResidualMomentum
from tiltwise.research.robustness.null_market import BestSharpe, null_test

START, END = "2012-12-31", "2022-12-28"
GOAL = 600.0  # seconds


def market() -> Market:
    whole = Market.sample("stocks")
    return whole.select(whole.assets[:9]).asof(END, since="2009-12-28")


def grid(assets: tuple[str, ...]) -> tuple[ResidualMomentum, ...]:
    axes = itertools.product(
        (1, 2, 3, 4, 5), (0.01, 0.03, 0.1, 0.3, 1.0), ("momentum", "reversion"), (0.1, 0.3)
    )
    return tuple(
        ResidualMomentum(universe=assets, factors=f, adaptation=a, signal=s, quantile=q)
        for f, a, s, q in axes
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--date", help="day of the run, written to the record as given")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--worlds", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    real = market()
    strategies = grid(real.assets)
    fresh = itertools.count(1)

    def unseen() -> None:
        one = dataclasses.replace(strategies[0], adaptation=0.1 + 1e-9 * next(fresh))
        walk_forward(one, real, START, jobs=1)

    walks = {
        "decide_many, fits kept": lambda: walk_forward(strategies[0], real, START, jobs=1),
        "decide_many, new configuration": unseen,
        "loop over decide, scaled": lambda: walk_forward(
            strategies[0], real, START, "2013-12-31", jobs=1, vectorised=False
        ),
    }
    medians = interleave(walks, options.repeats)
    medians["loop over decide, scaled"] *= 10.0
    record("walk_forward N=9 T=2517", medians, "decide_many, fits kept", options.date, goal_ms=50)

    began = time.perf_counter()
    found = null_test(BestSharpe(strategies, START), real, options.worlds, jobs=options.jobs)
    seconds = time.perf_counter() - began
    record(
        f"null_world {options.worlds} worlds x {len(strategies)} configurations",
        {f"null_test, {options.jobs} processes": seconds},
        f"null_test, {options.jobs} processes",
        options.date,
        goal_ms=1e3 * GOAL * options.worlds / 200,
        p_value=round(found.p_value, 4),
        real=round(found.real, 4),
        null_mean=round(float(np.mean(found.null)), 4),
        null_95=round(float(np.quantile(found.null, 0.95)), 4),
    )


if __name__ == "__main__":
    main()
