"""The compiled bootstrap against its plain twins."""

import numpy as np
import pytest

from tiltwise.kernels.bootstrap.metrics import bootstrap, measure, measure_reference, terms
from tiltwise.kernels.bootstrap.stationary import stationary_rows, stationary_rows_reference
from tiltwise.kernels.path_metrics import PATH_METRICS, Path


def sample(size: int, with_benchmark: bool = True, seed: int = 3) -> Path:
    rng = np.random.default_rng(seed)
    market = 0.008 * rng.standard_t(5, size)
    returns = 0.8 * market + 0.005 * rng.standard_t(5, size) + 0.0004
    rf = np.full(size, 0.0001)
    return Path(returns, rf, 252.0, market if with_benchmark else None)


@pytest.mark.parametrize("block", [1.0, 1.3, 7.0, 1e9])
@pytest.mark.parametrize("size", [1, 2, 63])
def test_rows_equal_plain_integers(block: float, size: int) -> None:
    rows = stationary_rows(2**63 + 5, 17, 4, size, block)
    np.testing.assert_array_equal(
        rows, stationary_rows_reference(2**63 + 5, 17, 4, size, block), strict=True
    )


@pytest.mark.parametrize("block", [1.0, 3.0, 20.0])
def test_mean_block_length_and_uniform_rows(block: float) -> None:
    """H.06: a block ends with probability 1 / block, and every row is as likely."""
    size, draws = 500, 400
    rows = stationary_rows(0, 0, draws, size, block)
    continued = (np.diff(rows, axis=1) % size == 1).mean()
    chance = 1 / size  # a jump that happens to land on the next row
    expected = 1 - 1 / block + chance / block
    assert continued == pytest.approx(expected, abs=5 * np.sqrt(0.25 / rows.size) + 1e-9)
    counts = np.bincount(rows.ravel(), minlength=size) / draws
    assert counts.mean() == pytest.approx(1.0, abs=1e-12)
    assert counts.std() == pytest.approx(np.sqrt(1 / draws), rel=0.3)  # about Poisson per draw


def test_block_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        stationary_rows(0, 0, 1, 10, 0.5)


@pytest.mark.parametrize("with_benchmark", [True, False])
@pytest.mark.parametrize("size", [2, 11, 21, 250, 1000])
def test_measure_equals_the_definitions(size: int, with_benchmark: bool) -> None:
    path = sample(size, with_benchmark)
    rows = stationary_rows(1, 0, 25, size, 5.0)
    fast, plain = measure(terms(path), rows), measure_reference(path, rows)
    np.testing.assert_array_equal(np.isnan(fast), np.isnan(plain))
    np.testing.assert_allclose(fast, plain, rtol=1e-9, atol=1e-11)
    assert np.isnan(plain[:, PATH_METRICS.index("beta")]).all() == (not with_benchmark or size == 1)


def test_measure_equals_the_definitions_after_ruin() -> None:
    path = sample(60)
    path.returns[20] = -1.1
    rows = stationary_rows(1, 0, 40, 60, 5.0)
    fast, plain = measure(terms(path), rows), measure_reference(path, rows)
    np.testing.assert_allclose(fast, plain, rtol=1e-9, atol=1e-11)
    ruined = (rows == 20).any(axis=1)
    assert ruined.any()
    assert np.isnan(fast[ruined, PATH_METRICS.index("cagr")]).all()


def test_draws_do_not_depend_on_how_they_are_shared_out() -> None:
    prepared = terms(sample(300))
    whole = bootstrap(prepared, 5, 0, 30, 4.0)
    parts = [bootstrap(prepared, 5, first, 10, 4.0) for first in (0, 10, 20)]
    assert whole.tobytes() == np.concatenate(parts).tobytes()
    assert whole.tobytes() != bootstrap(prepared, 6, 0, 30, 4.0).tobytes()


def test_bootstrap_measures_its_rows() -> None:
    prepared = terms(sample(120))
    rows = stationary_rows(9, 3, 8, 120, 6.0)
    np.testing.assert_array_equal(bootstrap(prepared, 9, 3, 8, 6.0), measure(prepared, rows))


def test_read_only_input() -> None:
    path = sample(50)
    for values in (path.returns, path.rf, path.market):
        values.flags.writeable = False
    assert np.isfinite(bootstrap(terms(path), 0, 0, 5, 3.0)).all()
