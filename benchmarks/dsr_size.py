"""Size and power of the deflated Sharpe ratio at .95 for the best of N trials.

Unit of work: one search. N trials of daily returns over some years are simulated, the one with the
highest Sharpe ratio is taken, and its deflated ratio is computed as the product does: from N, the
variance of the Sharpe ratios over the trials (at least the luck of one trial), and its own skewness
and kurtosis. Size: no trial has skill. Power: one
trial has a true annual Sharpe ratio, and counts where it is the one taken and passes.

Size is not 5 %, because the hurdle is the expected maximum and the maximum of independent trials
scatters less than one trial does. Where all trials share a correlation r, each search has a common
luck of variance r that the variance over trials does not show; the floor does. The limit for a
long history is printed with the measured size: the same search among N normal draws with
correlation r.
"""

import argparse
import math

import numpy as np

from tiltwise.evaluate.significance.inference import NORMAL, dsr, expected_max, trial_variance

DAYS = 252
LEVEL = 0.95


def search(rng, rows, trials, shared, sharpe):
    """Return whether the best trial passes, and whether it is the skilled one."""
    returns = rng.standard_normal((rows, trials))
    if shared:
        returns *= math.sqrt(1.0 - shared)
        returns += math.sqrt(shared) * rng.standard_normal((rows, 1))
    returns[:, 0] += sharpe / math.sqrt(DAYS)
    ratios = returns.mean(axis=0) / returns.std(axis=0, ddof=1)
    best = int(ratios.argmax())
    own = returns[:, best] - returns[:, best].mean()
    second = float(np.mean(own**2))
    skew = float(np.mean(own**3)) / second**1.5
    kurtosis = float(np.mean(own**4)) / second**2
    variance = trial_variance(ratios, rows)
    value = dsr(float(ratios[best]), rows, trials, variance, skew, kurtosis)
    return value > LEVEL, best == 0


def expected_size(rng, trials, shared, draws=100_000):
    """Share of searches that pass in the limit of a long history, where ratios are normal."""
    own = math.sqrt(1.0 - shared) * rng.standard_normal((draws, trials))
    spread = np.maximum(own.std(axis=1, ddof=1), 1.0)  # the floor: the luck of one trial
    hurdle = spread * expected_max(trials) + NORMAL.inv_cdf(LEVEL)
    best = own.max(axis=1) + math.sqrt(shared) * rng.standard_normal(draws)
    return float(np.mean(best > hurdle))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows = DAYS * options.years
    print(f"N = {options.trials}, {options.years} years, {options.repetitions} searches")
    for shared in (0.0, 0.5):
        rng = np.random.default_rng([options.seed, int(10 * shared)])
        limit = expected_size(np.random.default_rng(options.seed), options.trials, shared)
        for sharpe in (0.0, 1.0, 1.5, 2.0):
            count = options.repetitions if sharpe == 0.0 else options.repetitions // 10
            runs = [search(rng, rows, options.trials, shared, sharpe) for _ in range(count)]
            passed = [ok and (skilled or sharpe == 0.0) for ok, skilled in runs]
            share = float(np.mean(passed))
            error = math.sqrt(max(share * (1.0 - share), 1.0 / count) / count)
            kind = f"size (limit {100 * limit:5.2f} %)" if sharpe == 0.0 else f"power at {sharpe}"
            print(
                f"  correlation {shared:.1f}  {kind:22s} {100 * share:6.2f} % +- {100 * error:.2f}"
            )


if __name__ == "__main__":
    main()
