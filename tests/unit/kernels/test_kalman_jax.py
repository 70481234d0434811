"""The JAX engine beside the numba one. Skipped, and said so, where JAX is not installed."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltwise.errors import DataError, MissingData
from tiltwise.kernels.kalman import filter

DELTAS = np.geomspace(1e-6, 1e-2, 5)


def panel(seed=0, rows=250, assets=9, factors=3, gaps=False):
    rng = np.random.default_rng(seed)
    x = rng.normal(0.0, 0.02, (rows, factors))
    y = x @ rng.normal(0.5, 0.3, (factors, assets)) + rng.normal(0.0, 0.01, (rows, assets))
    if gaps:
        y[rng.random(y.shape) < 0.1] = np.nan
        y[: rows // 4, 0] = np.nan
        x[rows // 2, 0] = np.nan
    return y, x


def largest_difference(a, b):
    np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
    return np.nanmax(np.abs(a - b)) / np.nanmax(np.abs(a))


@pytest.fixture(scope="module")
def jax():
    return pytest.importorskip("jax", reason="JAX is not installed: pip install 'tiltwise[jax]'")


@pytest.mark.usefixtures("jax")
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("factors", [1, 3])
def test_engines_agree(factors, gaps):
    """`0.17`, `0.18`: jit and vmap over pairs and assets, to 1e-10."""
    y, x = panel(factors=factors, gaps=gaps)
    one = filter.grid(y, x, DELTAS, 1e-4)
    other = filter.grid(y, x, DELTAS, 1e-4, engine="jax")
    assert other.dtype == np.float64
    assert largest_difference(one, other) < 1e-10


@pytest.mark.usefixtures("jax")
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-8, 1e-1), st.floats(1e-6, 1e-2))
def test_engines_agree_from_any_start(seed, delta, noise):
    y, x = panel(seed, gaps=True)
    start, variance = np.random.default_rng(seed).normal(size=(9, 3)), 0.5 * np.eye(3) + 0.2
    one = filter.innovations(y, x, delta, noise, start, variance)
    other = filter.innovations(y, x, delta, noise, start, variance, engine="jax")
    assert largest_difference(one, other) < 1e-10


def test_float64_is_local_to_the_call(jax):
    """`0.20`: the answer is float64, the rest of the process keeps JAX as it had set it."""
    y, x = panel(rows=20)
    before = jax.numpy.ones(1).dtype
    assert filter.innovations(y, x, 1e-3, 1e-4, engine="jax").dtype == np.float64
    assert jax.numpy.ones(1).dtype == before


def test_the_graphics_card_agrees(jax):
    """`0.19`: on a graphics card the same to 1e-8; without one the engine runs on the processor."""
    from tiltwise.kernels.kalman import filter_jax

    y, x = panel()
    got = filter.grid(y, x, DELTAS, 1e-4, engine="jax")
    assert largest_difference(filter.grid(y, x, DELTAS, 1e-4), got) < 1e-8
    assert filter_jax.device() == jax.default_backend()
    if filter_jax.device() == "cpu":
        pytest.skip("no graphics card: the same answer was computed on the processor")


@pytest.mark.usefixtures("jax")
def test_without_a_graphics_card_the_processor_gives_the_same_answer(tmp_path):
    """`0.19`: with every card hidden the engine falls back to the processor, equal to 1e-8."""
    y, x = panel(gaps=True)
    np.savez(tmp_path / "given.npz", y=y, x=x, deltas=DELTAS)
    program = (
        "import numpy as np\n"
        "from tiltwise.kernels.kalman import filter, filter_jax\n"
        f"given = np.load({str(tmp_path / 'given.npz')!r})\n"
        "got = filter.grid(given['y'], given['x'], given['deltas'], 1e-4, engine='jax')\n"
        f"np.save({str(tmp_path / 'got.npy')!r}, got)\n"
        "print(filter_jax.device())\n"
    )
    hidden = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "ROCR_VISIBLE_DEVICES": ""}
    assert run(program, **hidden).split()[-1] == "cpu"
    got = np.load(tmp_path / "got.npy")
    assert got.shape == (len(DELTAS), 250, 9)
    assert largest_difference(filter.grid(y, x, DELTAS, 1e-4), got) < 1e-8


@pytest.mark.usefixtures("jax")
def test_results_go_where_they_are_asked_to():
    y, x = panel(rows=20)
    place = np.zeros((5, 20, 9))
    assert filter.grid(y, x, DELTAS, 1e-4, out=place, engine="jax") is place
    assert np.abs(place).max() > 0.0


def test_what_numba_refuses_the_other_engine_refuses():
    y, x = panel(rows=20)
    with pytest.raises(ValueError, match="'cuda'"):
        filter.grid(y, x, DELTAS, 1e-4, engine="cuda")
    with pytest.raises(DataError, match="20 rows and x has 19"):
        filter.grid(y, x[1:], DELTAS, 1e-4, engine="jax")


def run(program, **environment):
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.usefixtures("jax")
def test_variances_are_checked_before_jax_starts():
    y, x = panel(rows=20)
    with pytest.raises(ValueError, match="delta >= 0"):
        filter.grid(y, x, -1.0, 1e-4, engine="jax")


@pytest.mark.usefixtures("jax")
def test_the_flag_against_hanging_is_set_before_jax_starts():
    program = (
        "import os\nimport tiltwise.kernels.kalman.filter_jax\nprint(os.environ['XLA_FLAGS'])\n"
    )
    assert "--xla_cpu_multi_thread_eigen=false" in run(program)


def test_numba_never_loads_jax():
    """`0.17`: the daily path does not pay for what it does not use."""
    program = (
        "import sys, numpy as np\n"
        "from tiltwise.kernels.kalman import filter\n"
        "filter.grid(np.ones((5, 2)), np.ones((5, 1)), 1e-3, 1e-4)\n"
        "print('jax' in sys.modules)\n"
    )
    assert run(program).strip() == "False"


def test_without_jax_the_message_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, "tiltwise.kernels.kalman.filter_jax", raising=False)
    monkeypatch.delattr("tiltwise.kernels.kalman.filter_jax", raising=False)
    monkeypatch.setitem(sys.modules, "jax", None)
    y, x = panel(rows=20)
    with pytest.raises(MissingData, match=r"tiltwise\[jax\]"):
        filter.grid(y, x, DELTAS, 1e-4, engine="jax")
