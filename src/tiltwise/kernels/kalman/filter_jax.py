"""Kalman innovations in JAX: one scan over rows, for all pairs (delta, noise) and assets.

It runs on the graphics card if JAX finds one. Everything is float64, asserted on the way out; the
switch to 64 bits is local to a call and leaves other users of JAX alone.

Importing this module imports JAX, so it is imported only when the engine is used.
"""

import functools
import importlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from tiltwise.errors import DataError, MissingData
from tiltwise.kernels.arrays import Floats

# On a processor JAX was seen to hang with the threads of its linear algebra library; without them
# it did not. The flag is read when JAX first computes, so a JAX already at work is left as it is.
_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false"
if "xla_cpu_multi_thread_eigen" not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_ONE_THREAD}".strip()

try:
    jax: Any = importlib.import_module("jax")
except ModuleNotFoundError as error:
    raise MissingData(
        'engine="jax" needs JAX: pip install \'tiltwise[jax]\', or leave the engine at "numba"'
    ) from error


def device() -> str:
    """Return the kind of device that JAX runs on: "gpu" where it finds one, else "cpu"."""
    return str(jax.default_backend())


def grid(
    y: Floats, x: Floats, deltas: Floats, noises: Floats, beta: Floats, covariance: Floats
) -> Floats:
    """Return innovations (G, T, N); see `kalman.grid`, which checks the arguments.

    ``beta`` is (K, N) before the first row and ``covariance`` (K, K).
    """
    return np.asarray(on_device(y, x, deltas, noises, beta, covariance))


def on_device(
    y: Floats, x: Floats, deltas: Floats, noises: Floats, beta: Floats, covariance: Floats
) -> Any:
    """Return what `grid` does as a JAX array, left where it was computed and perhaps not ready."""
    with _float64():
        answer = _compiled()(y, x, deltas, noises, np.ascontiguousarray(beta.T), covariance)
    if answer.dtype != np.float64:
        raise DataError(f"JAX computed in {answer.dtype}, not float64; is x64 disabled?")
    return answer


@functools.cache
def _compiled() -> Callable[..., Any]:
    """Build the compiled function once; JAX keeps one version for each shape."""
    jnp = jax.numpy

    def update(b: Any, value: Any, f: Any, gain: Any) -> tuple[Any, Any]:
        e = value - f @ b
        return b + gain * jnp.where(jnp.isnan(e), 0.0, e), e

    assets = jax.vmap(update, in_axes=(0, 0, None, None))

    def filter_pair(y: Any, x: Any, delta: Any, noise: Any, b: Any, p: Any) -> Any:
        def step(state: Any, row: Any) -> Any:
            b, p = state
            values, f = row
            seen = ~jnp.isnan(f).any()
            f = jnp.where(seen, f, 0.0)
            p = p + delta * jnp.eye(len(f), dtype=p.dtype)
            pf = p @ f
            gain = pf / (f @ pf + noise)
            b, e = assets(b, jnp.where(seen, values, jnp.nan), f, gain)
            return (b, p - jnp.outer(gain, pf)), e

        return jax.lax.scan(step, (b, p), (y, x))[1]

    pairs = jax.vmap(filter_pair, in_axes=(None, None, 0, 0, None, None))
    return jax.jit(pairs)  # type: ignore[no-any-return]


def _float64() -> AbstractContextManager[None]:
    """Return the local switch to 64 bits, which has moved between versions of JAX."""
    switch = getattr(jax, "enable_x64", None)
    if switch is None:
        switch = importlib.import_module("jax.experimental").enable_x64
    return switch(True)  # type: ignore[no-any-return]
