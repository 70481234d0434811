"""Time of the complete published tuning protocol of factor regimes.

Unit of work: out-of-sample paths of six factors over a grid of 20 costs and 3 numbers of features,
refitted every month on 12 years: 360 sparse fits a month, 64,800 in 15 years. ``--months`` are run
on one thread and scaled to 180; ``--months 180`` scales nothing. No peer takes part: the reference
package alone, at its speed in jump.py, needs more than a day. Processor seconds are recorded with
those of the clock, since the machine is shared.
"""

import argparse
import time

from harness import record

from tiltwise import Market
from tiltwise.models.regimes.factor_regimes import Setting
from tiltwise.models.regimes.paths import Rhythm, tilt_returns, view_paths
from tiltwise.recipes.regime_allocation import PENALTIES

FACTORS, MONTHS = 6, 180
GRID = [Setting(cost, None, count) for count in (2.0, 5.0, 9.5) for cost in PENALTIES]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--date", help="day of the run, written to the record as given")
    parser.add_argument("--months", type=int, default=6, help="refits that are really made")
    asked = parser.parse_args()
    market = Market.synthetic(0, sessions=3024 + 22 * (asked.months + 2))
    names = [*market.assets[:FACTORS], str(market.benchmark)]
    past = market.select(names)
    rhythm = Rhythm(lookback=3024, least=3024)
    view_paths(past.asof(past.dates[3050]), names[0], names[-1], GRID[:1], rhythm)  # compiles
    clock, processor, fits = time.perf_counter(), time.process_time(), 0
    for name in names[:-1]:
        paths = view_paths(past, name, names[-1], GRID, rhythm)
        tilt_returns(past, paths)
        fits += len(GRID) * paths.views.index.to_period("M").nunique()
    scale = MONTHS * FACTORS * len(GRID) / fits
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    record(
        "regimes: 64,800 sparse fits and their paths",
        {"clock": clock * scale, "processor": processor * scale},
        "processor", asked.date, fits=fits, scaled=round(scale, 2), months=asked.months,
    )  # fmt: skip


if __name__ == "__main__":
    main()
