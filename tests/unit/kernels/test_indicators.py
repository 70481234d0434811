"""Running statistics against their plain twins, and prefix by prefix (4.03)."""

import numpy as np
import pytest

from tiltwise.kernels import indicators
from tiltwise.kernels.arrays import matrix

FACTOR = indicators.decay(8)


def returns(seed=0, rows=120, columns=3, gaps=0.1):
    rng = np.random.default_rng(seed)
    values = rng.normal(0.0003, 0.01, (rows, columns))
    values[rng.random(values.shape) < gaps] = np.nan
    values[:5, 0] = np.nan  # listed late
    return values


def levels(seed=0, rows=120):
    values = returns(seed, rows, gaps=0.0)
    index = np.cumprod(1.0 + np.nan_to_num(values), axis=0)
    index[:7, 1] = np.nan
    index[40:75, 2] = index[40, 2]  # stands still
    return index


def base(rows=120):
    return returns(9, rows, 1, gaps=0.05)


CASES = {
    "fading_mean": lambda n: (returns()[:n], FACTOR, 8),
    "fading_deviation": lambda n: (returns()[:n], FACTOR, 8),
    "fading_downside": lambda n: (returns()[:n], FACTOR, 8, 1e-6),
    "fading_beta": lambda n: (returns()[:n], base()[:n], FACTOR, 8),
    "relative_strength": lambda n: (levels()[:n], 8),
    "stochastic": lambda n: (levels()[:n], 8),
    "log_levels": lambda n: (levels()[:n],),
}


def run(name, arguments):
    rows = np.empty(arguments[0].shape)
    arrays = [matrix(a, name) if isinstance(a, np.ndarray) else a for a in arguments]
    getattr(indicators, name)(*arrays, rows)
    return rows


@pytest.mark.parametrize("name", CASES)
def test_kernel_equals_its_twin(name):
    arguments = CASES[name](120)
    fast, plain = run(name, arguments), getattr(indicators, f"{name}_reference")(*arguments)
    assert np.isfinite(fast).sum() > 200
    np.testing.assert_allclose(fast, plain, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("cut", [1, 9, 64, 119])
def test_a_row_has_the_same_bits_without_later_rows(name, cut):
    whole, part = run(name, CASES[name](120))[:cut], run(name, CASES[name](cut))
    assert whole.tobytes() == part.tobytes()


def test_the_index_compounds_from_its_first_session():
    values = returns()
    started = ~np.isnan(values)
    out = np.empty(values.shape)
    indicators.compounded(matrix(values, "returns"), started, out)
    np.testing.assert_allclose(out, indicators.compounded_reference(values, started), rtol=1e-12)
    assert np.isnan(out[:5, 0]).all()
    assert out[5, 0] == 1.0
    part = np.empty((70, 3))
    indicators.compounded(matrix(values[:70], "returns"), started[:70], part)
    assert part.tobytes() == out[:70].tobytes()


def test_b23_a_half_life_back_counts_half():
    """B23: of the weights, not of the span or of one over alpha."""
    rows = np.zeros((2001, 1))
    rows[1000] = 1.0
    out = run("fading_mean", (rows, indicators.decay(21), 1))[:, 0]
    np.testing.assert_allclose(out[1021] / out[1000], 0.5, rtol=1e-9)
    np.testing.assert_allclose(out[1042] / out[1000], 0.25, rtol=1e-9)
    assert indicators.decay(21) ** 21 == pytest.approx(0.5)
    with pytest.raises(ValueError, match="positive"):
        indicators.decay(0)


def test_relative_strength_of_a_published_example():
    """Twenty closes and 14 changes, as the indicator is taught: two decimals of each value."""
    closes = """44.3389 44.0902 44.1497 43.6124 44.3278 44.8264 45.0955 45.4245 45.8433 46.0826
                45.8931 46.0328 45.6140 46.2820 46.2820 46.0028 46.0328 46.4116 46.2222 45.6439"""
    index = np.array(closes.split(), dtype=float)[:, None]
    found = run("relative_strength", (index, 14))[:, 0]
    assert np.isnan(found[:14]).all()
    np.testing.assert_allclose(found[14:], [70.53, 66.32, 66.55, 69.41, 66.36, 57.97], atol=0.006)


def test_b24_extremes_of_the_indicators():
    """B24: an index that only rises has strength 100; one that stands still is in the middle."""
    rising = np.cumprod(np.full((80, 1), 1.001), axis=0)
    for name, value in (("relative_strength", 100.0), ("stochastic", 100.0)):
        assert np.nanmin(run(name, (rising, 21))) == value
        assert np.nanmax(run(name, (rising[::-1].copy(), 21))) == 0.0
        np.testing.assert_array_equal(run(name, (np.ones((80, 1)), 21))[21:], 50.0)


def test_a_still_market_has_no_beta():
    out = run("fading_beta", (returns(gaps=0), np.zeros((120, 1)), FACTOR, 8))
    assert np.isnan(out).all()
