"""Time of the random-walk regression innovations of a panel, against peer libraries.

Unit of work: from y (T, N) and x (T, 3) to the innovation of every asset on every row, for each of
G pairs (delta, noise); P0 = I, start at zero. Three sizes: a universe of sector ETFs with one pair,
the same with a grid of 100 pairs, an index of 500 stocks with 9 pairs.

Peers, each warm: the published form in JAX (a scan vectorised over assets and pairs, one Riccati
recursion per asset); statsmodels' MLEModel with a time-varying design; filterpy; pykalman; and
one asset and pair at a time, which is how the last three work. Where the whole job would take
minutes a peer does a slice and its time is multiplied up ("scaled" in its name). All run in one
process, in turn. Each peer's innovations are compared with ours before timing; the largest
difference, relative to the largest innovation, is in the record as "errors". "given array" writes
into memory that the process already holds; without it, the largest size mostly waits for 180 MB of
fresh pages.

    python benchmarks/kalman.py [--date 2025-01-31] [--repeats 7]
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from harness import arguments, interleave, peer, record

from tiltwise.kernels.kalman import filter

SIZES = {"N=9 T=3500 G=1": (9, 3500, 1), "N=9 T=3500 G=100": (9, 3500, 100)}
SIZES["N=500 T=5000 G=9"] = (500, 5000, 9)
SLICE = 200  # rows that the slowest peers filter, for one asset and pair


def panel(assets: int, rows: int, pairs: int) -> tuple[Any, Any, Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.normal(0.0, [0.025, 0.009, 0.008], (rows, 3))
    beta = rng.normal(0.5, 0.3, (3, assets)) + rng.normal(0, 0.01, (rows, 3, assets)).cumsum(0)
    y = np.einsum("tk,tkn->tn", x, beta) + rng.normal(0, 0.004, (rows, assets))
    return y, x, np.geomspace(1e-6, 1e-3, pairs), np.full(pairs, 1e-4)


def jax_scan(y: Any, x: Any, deltas: Any, noises: Any) -> Callable[[], Any] | None:
    jax = peer("jax")
    if jax is None:
        return None
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy

    def one(series: Any, delta: Any, noise: Any, regressors: Any) -> Any:
        def step(state: Any, row: Any) -> Any:
            b, p = state
            value, f = row
            p = p + delta * jnp.eye(3)
            e = value - f @ b
            gain = p @ f / (f @ p @ f + noise)
            return (b + gain * e, p - jnp.outer(gain, f) @ p), e

        return jax.lax.scan(step, (jnp.zeros(3), jnp.eye(3)), (series, regressors))[1]

    assets = jax.vmap(one, in_axes=(1, None, None, None), out_axes=1)
    pairs = jax.jit(jax.vmap(assets, in_axes=(None, 0, 0, None)))
    given = [jnp.asarray(side) for side in (y, deltas, noises, x)]
    return lambda: pairs(*given).block_until_ready()


def statsmodels_design(y: Any, x: Any, delta: float, noise: float) -> Callable[[], Any] | None:
    mlemodel = peer("statsmodels.tsa.statespace.mlemodel")
    if mlemodel is None:
        return None
    # It starts from the prediction of the first row, we from the state before it.
    model = mlemodel.MLEModel(y, k_states=3, k_posdef=3)
    model["design"] = np.ascontiguousarray(x.T[None])
    model["transition"] = model["selection"] = np.eye(3)
    model["state_cov"], model["obs_cov"] = delta * np.eye(3), np.array([[noise]])
    model.initialize_known(np.zeros(3), (1.0 + delta) * np.eye(3))
    return lambda: model.ssm.filter().forecasts_error[0]


def filterpy_loop(y: Any, x: Any, delta: float, noise: float) -> Callable[[], Any] | None:
    module = peer("filterpy.kalman")
    if module is None:
        return None

    def call() -> Any:
        state = module.KalmanFilter(dim_x=3, dim_z=1)
        state.x, state.P, state.F = np.zeros((3, 1)), np.eye(3), np.eye(3)
        state.Q, state.R = delta * np.eye(3), np.array([[noise]])
        out = np.empty(len(y))
        for t, (value, f) in enumerate(zip(y, x, strict=True)):
            state.predict()
            state.update(value, H=f[None])
            out[t] = np.asarray(state.y).item()
        return out

    return call


def pykalman_loop(y: Any, x: Any, delta: float, noise: float) -> Callable[[], Any] | None:
    module = peer("pykalman")
    if module is None:
        return None
    model = module.KalmanFilter(
        transition_matrices=np.eye(3),
        observation_matrices=x[:, None, :],
        transition_covariance=delta * np.eye(3),
        observation_covariance=[[noise]],
        initial_state_mean=np.zeros(3),
        initial_state_covariance=(1.0 + delta) * np.eye(3),
    )

    def call() -> Any:
        means = model.filter(y)[0]
        before = np.vstack([np.zeros(3), means[:-1]])
        return y - (x * before).sum(axis=1)

    return call


SLOW = {
    "statsmodels MLEModel": (statsmodels_design, 5000),
    "filterpy": (filterpy_loop, SLICE),
    "pykalman": (pykalman_loop, SLICE),
}


def run(name: str, size: tuple[int, int, int], date: str | None, repeats: int) -> None:
    assets, rows, pairs = size
    y, x, deltas, noises = panel(*size)
    ours = filter.grid(y, x, deltas, noises)
    place = np.zeros_like(ours)
    candidates: dict[str, Callable[[], Any]] = {
        "tiltwise, 1 thread": lambda: filter.grid(y, x, deltas, noises),
        "tiltwise, 1 thread, given array": lambda: filter.grid(y, x, deltas, noises, out=place),
    }
    if pairs > 1:
        candidates["tiltwise, 2 threads, given array"] = lambda: filter.grid(
            y, x, deltas, noises, jobs=2, out=place
        )
    errors, factors = {}, {}
    scan = jax_scan(y, x, deltas, noises)
    if scan is not None:
        candidates["JAX scan and vmap"] = scan
        errors["JAX scan and vmap"] = np.abs(np.asarray(scan()) - ours).max() / np.abs(ours).max()
    for peer_name, (build, limit) in SLOW.items():
        done = min(limit, rows)
        call = build(y[:done, 0].copy(), x[:done].copy(), float(deltas[0]), float(noises[0]))
        if call is None:
            continue
        label = f"{peer_name}, scaled"
        factors[label] = assets * pairs * rows / done
        candidates[label] = call
        errors[label] = np.abs(call() - ours[0, :done, 0]).max() / np.abs(ours[0, :, 0]).max()
    medians = interleave(candidates, repeats)
    for label, factor in factors.items():
        medians[label] *= factor
    rounded = {key: float(f"{value:.1e}") for key, value in errors.items()}
    record(f"kalman {name}", medians, "tiltwise, 1 thread", date, errors=rounded)


def main() -> None:
    options = arguments(__doc__)
    started = time.perf_counter()
    for name, size in SIZES.items():
        run(name, size, options.date, options.repeats)
    print(f"\n{time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    main()
