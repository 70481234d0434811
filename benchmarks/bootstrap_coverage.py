"""Coverage and time of the 90 % bootstrap intervals of `summary`.

Unit of work for coverage: one simulated daily history of a portfolio and its benchmark. Processes:
AR(1) returns, GARCH(1,1) returns, and both together; truths come from four million simulated days.
Unit of work for time: 2,000 draws of all metrics of ten years of daily returns with a benchmark,
on one thread; arch draws one Sharpe ratio only, from as many resamples.
"""

import argparse
from collections.abc import Iterator

import harness
import numpy as np
import numpy.typing as npt

from tiltwise.evaluate.metrics import METRICS
from tiltwise.evaluate.significance.inference import block_length, interval
from tiltwise.kernels.bootstrap.metrics import bootstrap, terms
from tiltwise.kernels.path_metrics import PATH_METRICS, Path

FloatArray = npt.NDArray[np.float64]

PROCESSES = {
    "AR(1) 0": (0.0, 0.0, 0.0),
    "AR(1) 0.2": (0.2, 0.0, 0.0),
    "AR(1) 0.4": (0.4, 0.0, 0.0),
    "AR(1) -0.2": (-0.2, 0.0, 0.0),
    "GARCH(1,1)": (0.0, 0.08, 0.90),
    "AR(1) 0.2 + GARCH(1,1)": (0.2, 0.08, 0.90),
}
NAMES = (
    *("sharpe", "sortino", "information_ratio", "alpha", "omega", "beta"),
    *("ann_volatility", "tracking_error", "var_95", "cvar_95"),
)
BURN_IN = 500


def simulate(
    rng: np.random.Generator, shape: tuple[int, int], process: tuple[float, float, float]
) -> FloatArray:
    """Unit-variance AR(1) series with GARCH(1,1) innovations, (paths, T)."""
    phi, shock, memory = process
    paths, length = shape
    variance, innovation, level = np.ones(paths), np.zeros(paths), np.zeros(paths)
    out = np.empty((length, paths))
    for t in range(-BURN_IN, length):
        variance = 1.0 - shock - memory + shock * innovation**2 + memory * variance
        innovation = np.sqrt(variance) * rng.standard_normal(paths)
        level = phi * level + innovation
        out[max(t, 0)] = level
    return np.sqrt(1.0 - phi**2) * out.T


def histories(
    rng: np.random.Generator, shape: tuple[int, int], process: tuple[float, float, float]
) -> Iterator[Path]:
    """Portfolios that add a constant difference (IR 0.4) to a benchmark (Sharpe 0.63)."""
    market = 0.0004 + 0.01 * simulate(rng, shape, process)
    active = 0.0001 + 0.004 * simulate(rng, shape, process)
    for one, other in zip(market, active, strict=True):
        yield Path(one + other, np.zeros(shape[1]), 252.0, one)


def mean_interval(path: Path, draws: int, seed: int) -> FloatArray:
    block = max(1.0, block_length(path.returns))
    sample = bootstrap(terms(path), seed, 0, draws, block)
    volatility = sample[:, PATH_METRICS.index("ann_volatility")]
    means = sample[:, PATH_METRICS.index("sharpe")] * volatility
    return np.quantile(means, [0.05, 0.95])


def coverage(name: str, length: int, simulations: int, draws: int, seed: int) -> dict[str, float]:
    rng = np.random.default_rng([seed, length, list(PROCESSES).index(name)])
    long_run = list(histories(rng, (200, 20_000), PROCESSES[name]))
    joined = Path(
        np.concatenate([path.returns for path in long_run]),
        np.zeros(200 * 20_000),
        252.0,
        np.concatenate([path.market for path in long_run]),
    )
    truth = {key: METRICS[key].function(joined) for key in NAMES}
    truth_mean = 252.0 * float(joined.returns.mean())
    hits = dict.fromkeys(("mean", *NAMES), 0)
    for number, path in enumerate(histories(rng, (simulations, length), PROCESSES[name])):
        low, high = mean_interval(path, draws, number)
        hits["mean"] += bool(low <= truth_mean <= high)
        bounds = interval(path, NAMES, 0.9, draws=draws, seed=number)
        for key in NAMES:
            hits[key] += bool(bounds.loc[key, "low"] <= truth[key] <= bounds.loc[key, "high"])
    return {key: count / simulations for key, count in hits.items()}


def timing(repeats: int, date: str | None) -> None:
    rng = np.random.default_rng(0)
    path = next(histories(rng, (1, 2520), PROCESSES["AR(1) 0.2 + GARCH(1,1)"]))
    candidates = {"tiltwise, all metrics": lambda: interval(path, draws=2000)}
    if (arch := harness.peer("arch.bootstrap")) is not None:

        def one_ratio() -> object:
            drawn = arch.StationaryBootstrap(5, path.returns, seed=0)
            return drawn.apply(lambda r: r.mean() / r.std(ddof=1), 2000)

        candidates["arch, the Sharpe ratio alone"] = one_ratio
    medians = harness.interleave(candidates, repeats)
    harness.record("bootstrap of 2520 days, 2000 draws", medians, "tiltwise, all metrics", date)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--lengths", type=int, nargs="+", default=[1260, 2520])
    parser.add_argument("--processes", nargs="+", default=list(PROCESSES), choices=PROCESSES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--date", help="day of the run, written to the record as given")
    parser.add_argument("--repeats", type=int, default=7, help="rounds of the timing; 0 for none")
    options = parser.parse_args()
    columns = ("mean", *NAMES)
    print(f"coverage of nominal 90 % intervals, {options.simulations} simulations each")
    print(f"{'process':24s}{'T':>6s}" + "".join(f"{name[:11]:>12s}" for name in columns))
    for length in options.lengths:
        for name in options.processes:
            share = coverage(name, length, options.simulations, options.draws, options.seed)
            cells = "".join(f"{share[key]:12.3f}" for key in columns)
            print(f"{name:24s}{length:6d}{cells}", flush=True)
    if options.repeats:
        timing(options.repeats, options.date)


if __name__ == "__main__":
    main()
