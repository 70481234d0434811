"""Time of the JAX engine of the Kalman grid on processor and graphics card, against numba.

Unit of work: `kernels.kalman.filter.grid`, from y (T, N) and x (T, 3) in memory to the innovations
of every asset on every row for G pairs (delta, noise), back in memory as numpy. Engines: numba with
one and two threads, JAX on the processor, and JAX on a graphics card where JAX finds one; where it
finds none, the program says so. Besides, JAX with the result left on its device, which is what a
search that needs only one number a pair could do.

Each engine's innovations are compared with numba's before timing; the largest difference, relative
to the largest innovation, is in the record as "errors". The first call of JAX compiles and is not
timed; "compile_s" says how long it took.

    python benchmarks/kalman_gpu.py [--date 2025-01-31] [--repeats 5]
"""

import time
from typing import Any

import numpy as np
from harness import arguments, interleave, peer, record

from tiltwise.kernels.kalman import filter

SIZES = {
    "N=9 T=3500 G=1": (9, 3500, 1),
    "N=9 T=3500 G=100": (9, 3500, 100),
    "N=500 T=2000 G=9": (500, 2000, 9),
    "N=100 T=1000 G=300": (100, 1000, 300),
}


def panel(assets: int, rows: int, pairs: int) -> tuple[Any, Any, Any, Any]:
    rng = np.random.default_rng(0)
    x = rng.normal(0.0, [0.025, 0.009, 0.008], (rows, 3))
    beta = rng.normal(0.5, 0.3, (3, assets)) + rng.normal(0, 0.01, (rows, 3, assets)).cumsum(0)
    y = np.einsum("tk,tkn->tn", x, beta) + rng.normal(0, 0.004, (rows, assets))
    return y, x, np.geomspace(1e-6, 1e-3, pairs), np.full(pairs, 1e-4)


def run(jax: Any, name: str, size: tuple[int, int, int], date: str | None, repeats: int) -> None:
    from tiltwise.kernels.kalman import (
        filter_jax,  # sets the flag against hanging before JAX starts
    )

    assets, _, pairs = size
    given = panel(*size)
    ours, place = filter.grid(*given), np.zeros((pairs, size[1], assets))
    candidates: dict[str, Any] = {"numba, 1 thread": lambda: filter.grid(*given, out=place)}
    if pairs > 1:
        candidates["numba, 2 threads"] = lambda: filter.grid(*given, jobs=2, out=place)
    beta, covariance = np.zeros((3, assets)), np.eye(3)
    errors, compile_s = {}, {}
    for kind in dict.fromkeys([filter_jax.device(), "cpu"]):
        device = jax.devices(kind)[0]

        def whole(device: Any = device) -> Any:
            with jax.default_device(device):
                return filter_jax.grid(*given, beta, covariance)

        def resident(device: Any = device) -> Any:
            with jax.default_device(device):
                return filter_jax.on_device(*given, beta, covariance).block_until_ready()

        started = time.perf_counter()
        answer = whole()
        label = f"JAX on {kind} ({device.device_kind})"
        compile_s[label] = round(time.perf_counter() - started, 2)
        errors[label] = float(f"{np.abs(answer - ours).max() / np.abs(ours).max():.1e}")
        candidates[label] = whole
        candidates[f"{label}, result left there"] = resident
    medians = interleave(candidates, repeats)
    record(
        f"kalman engines {name}",
        medians,
        "numba, 1 thread",
        date,
        errors=errors,
        compile_s=compile_s,
    )


def main() -> None:
    options = arguments(__doc__)
    if peer("jax") is None:
        return
    from tiltwise.kernels.kalman import (
        filter_jax,  # sets the flag against hanging before JAX starts
    )

    jax = filter_jax.jax
    if filter_jax.device() == "cpu":
        print("JAX finds no graphics card: measured on the processor only")
    for name, size in SIZES.items():
        run(jax, name, size, options.date, options.repeats)


if __name__ == "__main__":
    main()
