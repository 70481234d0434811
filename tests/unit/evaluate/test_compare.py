"""Paired comparison: right differences, right size, right power."""

import math

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError
from tiltwise.evaluate.significance.inference import min_track_record
from tiltwise.evaluate.significance.paired import compare, paired
from tiltwise.evaluate.significance.sharpe_difference import sharpe_difference


def pair(seed: int, gap: float = 0.0, size: int = 750) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    common = rng.standard_t(5, size) * 0.008
    one, two = (common + rng.normal(0.0, 0.003, size) for _ in range(2))
    return one + gap, two


def test_differences_are_those_of_the_series() -> None:
    one, two = pair(0, 0.0004)
    found = paired(one, two)
    ratio = [x.mean() / x.std() * math.sqrt(252) for x in (one, two)]
    assert found.sharpe == pytest.approx(ratio[0] - ratio[1])
    assert found.mean == pytest.approx((one - two).mean() * 252)
    assert found.sharpe_low < found.sharpe < found.sharpe_high
    assert found.mean_low < found.mean < found.mean_high
    gap = one - two
    centred = gap - gap.mean()
    skew, kurtosis = ((centred**k).mean() / gap.std() ** k for k in (3, 4))
    expected = min_track_record(gap.mean() / gap.std(ddof=1), 0.0, skew, kurtosis) / 252
    assert found.min_track_record_years == pytest.approx(expected)


def test_bootstrap_error_is_that_of_the_mean() -> None:
    """The 90 % interval of independent differences is 2 x 1.645 standard errors wide."""
    one, two = pair(1)
    found = paired(one, two, draws=4000)
    gap = one - two
    wide = 2 * 1.645 * gap.std() / math.sqrt(len(gap)) * 252
    assert found.mean_high - found.mean_low == pytest.approx(wide, rel=0.12)


def test_size_and_power() -> None:
    """H.07: alike series are told apart as often as the level says; unlike ones are."""
    level = 0.1
    alike = [paired(*pair(seed), draws=300) for seed in range(200)]
    for p in ([x.sharpe_p for x in alike], [x.mean_p for x in alike]):
        share = np.mean(np.array(p) <= level)
        assert abs(share - level) < 3 * math.sqrt(level * (1 - level) / len(alike))
    unlike = [paired(*pair(seed, 0.0008), draws=300).mean_p for seed in range(20)]
    assert np.mean(np.array(unlike) < 0.05) > 0.9


def test_agrees_with_the_studentised_test() -> None:
    ours = [paired(*pair(seed, 0.0002)).sharpe_p for seed in range(12)]
    theirs = [sharpe_difference(*pair(seed, 0.0002)).p_bootstrap for seed in range(12)]
    assert np.corrcoef(ours, theirs)[0, 1] > 0.97
    np.testing.assert_allclose(ours, theirs, atol=0.08)


def test_a_series_beside_itself() -> None:
    one, _ = pair(2)
    found = paired(one, one)
    assert (found.sharpe, found.mean, found.sharpe_p, found.mean_p) == (0.0, 0.0, 1.0, 1.0)
    assert math.isnan(found.min_track_record_years)


def test_antisymmetry_and_seed() -> None:
    one, two = pair(3, 0.0003)
    there, back = paired(one, two), paired(two, one)
    assert there.sharpe_p == back.sharpe_p
    assert there.mean_low == pytest.approx(-back.mean_high)
    assert back.min_track_record_years == math.inf
    assert there == paired(one, two)
    assert there != paired(one, two, seed=1)


def test_tables_use_common_sessions() -> None:
    one, two = pair(4)
    days = pd.bdate_range("2001-01-01", periods=len(one))
    mine = pd.Series(one, days)
    its = pd.Series(two, days)
    table = compare({"a": mine.iloc[100:]}, {"x": its.iloc[:-50], "y": mine})
    assert list(table.index) == [("a", "x"), ("a", "y")]
    expected = (one - two)[100:-50].mean() * 252
    assert table.loc[("a", "x"), "mean"] == pytest.approx(expected)
    assert table.loc[("a", "y"), "mean_p"] == 1.0
    with pytest.raises(DataError, match="5 sessions in common"):
        compare({"a": mine.iloc[:5]}, {"x": its})


@pytest.mark.parametrize("bad", [np.zeros(50), np.full(50, np.nan), np.ones((5, 5))])
def test_what_cannot_be_compared(bad: np.ndarray) -> None:
    with pytest.raises(DataError):
        paired(bad, pair(5)[1][:50])
