"""The simulation kernel against its twin, and its promise of bits."""

import numpy as np
import pytest

from tiltwise.kernels import simulate as kernel
from tiltwise.kernels.simulate import CLOSE, DAWN, OPEN, Paths, Tape, simulate, simulate_reference

ROWS, ASSETS = 60, 6


def tape(seed=0, phase=CLOSE, impact=0.0, expenses=0.0, dead=True, fee=1e-3, spread=2e-3):
    """A market in which an asset dies, another begins late, and a tenth of the fills is missing."""
    r = np.random.default_rng(seed)
    marks = 50.0 * np.exp(np.cumsum(r.normal(0.0, 0.03, (ROWS, ASSETS)), axis=0))
    fills = marks * np.exp(r.normal(0.0, 0.005, marks.shape)) if phase == OPEN else marks.copy()
    fills[r.uniform(size=fills.shape) < 0.1] = np.nan
    alive = np.ones(marks.shape, dtype=bool)
    if dead:
        alive[40:, 2] = False
        marks[40:, 2] = marks[39, 2]
        alive[:20, 4] = False
        marks[:20, 4] = 0.0
    fills[~alive] = np.nan
    fell = np.zeros(ROWS, dtype=bool)
    fell[1:] = (alive[:-1] & ~alive[1:]).any(axis=1)
    none = np.zeros((0, ASSETS))
    return Tape(
        marks=marks,
        fills=fills,
        alive=alive,
        deaths=fell,
        cash_rate=np.full(ROWS, 1e-4),
        financing_rate=np.full(ROWS, 3e-4),
        borrow_rate=np.full(ROWS, 5e-5),
        expense_rate=np.full(marks.shape, expenses) if expenses else none,
        impact_scale=np.full(marks.shape, impact) if impact else none,
        commission=fee,
        half_spread=spread,
        phase=phase,
    )


def orders(paths, seed=0, gap=3, scale=0.3):
    """Random long-short, sometimes levered targets; one path in four skips any given order."""
    r = np.random.default_rng(seed)
    rows = np.arange(1, ROWS, gap)
    targets = r.normal(0.15, scale, (len(rows), ASSETS, paths))
    targets *= r.uniform(size=targets.shape) < 0.8
    skipped = r.uniform(size=(len(rows), paths)) < 0.25
    targets = np.where(skipped[:, None, :], np.nan, targets)
    due = np.full(ROWS, -1)
    due[rows] = np.arange(len(rows))
    return due, np.ascontiguousarray(targets)


def same_bits(a: Paths, b: Paths, path=slice(None)):
    for name in Paths._fields:
        mine = getattr(a, name)[..., path]
        np.testing.assert_array_equal(mine, getattr(b, name), err_msg=name)


@pytest.mark.parametrize("phase", [DAWN, OPEN, CLOSE])
@pytest.mark.parametrize("impact", [0.0, 2e-6])
@pytest.mark.parametrize("expenses", [0.0, 1e-4])
def test_kernel_equals_twin(phase, impact, expenses):
    market = tape(phase=phase, impact=impact, expenses=expenses)
    due, targets = orders(7)
    fast = simulate(market, due, targets, 1e6, detail="trades")
    plain = simulate_reference(market, due, targets, 1e6)
    for name in ("nav", "costs", "traded", "held", "trades"):
        np.testing.assert_allclose(
            getattr(fast, name), getattr(plain, name), rtol=1e-12, atol=1e-8, err_msg=name
        )
    np.testing.assert_array_equal(fast.unfilled, plain.unfilled)
    np.testing.assert_array_equal(fast.ruined, plain.ruined)
    assert fast.unfilled.sum() > 50
    assert (fast.costs.sum(axis=(0, 2)) > 0).tolist() == [
        True,
        True,
        impact > 0,
        True,
        True,
        expenses > 0,
    ]


@pytest.mark.parametrize("phase", [DAWN, OPEN, CLOSE])
def test_many_paths_are_single_paths_bit_for_bit(phase):
    market = tape(phase=phase, impact=2e-6, expenses=1e-4)
    due, targets = orders(19, gap=2)
    together = simulate(market, due, targets, 1e6, detail="trades")
    for p in range(19):
        alone = np.ascontiguousarray(targets[..., p : p + 1])
        same_bits(
            together, simulate(market, due, alone, 1e6, detail="trades"), path=slice(p, p + 1)
        )


def test_a_path_without_an_order_is_not_touched_by_its_neighbours_open_fill():
    market = tape(phase=OPEN)
    due, targets = orders(2, gap=1)
    targets[5:, :, 0] = np.nan
    together = simulate(market, due, targets, 1e6)
    due_early = np.where(due < 5, due, -1)
    alone = simulate(market, due_early, np.ascontiguousarray(targets[..., :1]), 1e6)
    np.testing.assert_array_equal(together.nav[:, :1], alone.nav)


def test_blocks_and_threads_change_no_bit(monkeypatch):
    market = tape(impact=2e-6)
    due, targets = orders(50)
    whole = simulate(market, due, targets, 1e6, detail="trades")
    monkeypatch.setattr(kernel, "BLOCK", 8)
    for jobs in (1, 4):
        same_bits(whole, simulate(market, due, targets, 1e6, detail="trades", jobs=jobs))


@pytest.mark.parametrize("phase", [DAWN, OPEN, CLOSE])
@pytest.mark.parametrize("paths", [1, 3])
def test_stepping_is_running_bit_for_bit(phase, paths):
    market = tape(phase=phase, impact=2e-6, expenses=1e-4)
    due, targets = orders(paths)
    state = kernel.start(paths, ASSETS, 1e6)
    out = kernel.blank(ROWS, ASSETS, paths, 1e6, "trades")
    for t in range(1, ROWS):
        kernel.step(t, due, market, targets, state, out)
    same_bits(out, simulate(market, due, targets, 1e6, detail="trades"))


def test_totals_are_the_sums_of_the_sessions():
    market, (due, targets) = tape(), orders(5)
    days = simulate(market, due, targets, 1e6)
    totals = simulate(market, due, targets, 1e6, detail="nav")
    np.testing.assert_array_equal(totals.nav, days.nav)
    np.testing.assert_allclose(totals.costs[0], days.costs.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(totals.traded[0], days.traded.sum(axis=0), rtol=1e-12)


@pytest.mark.parametrize("impact", [0.0, 2e-6])
def test_weights_are_met_after_costs(impact):
    market = tape(dead=False, impact=impact)._replace(phase=CLOSE)
    market.fills[1] = market.marks[1]
    target = np.array([0.3, -0.2, 0.4, 0.1, 0.25, 0.15]).reshape(1, ASSETS, 1)
    due = np.full(ROWS, -1)
    due[1] = 0
    out = simulate(market, due, target, 1e6, detail="trades")
    np.testing.assert_allclose(out.held[1, :, 0], target[0, :, 0], rtol=1e-14)
    # 1.4 of gross traded at 30 bps, on what is left: V = 1 - .0042 V, before any impact
    if not impact:
        assert out.nav[1, 0] == pytest.approx(1e6 * (1 + 1e-4) / 1.0042, rel=1e-14)


def test_a_fully_invested_book_never_borrows():
    market = tape(dead=False)._replace(cash_rate=np.zeros(ROWS), phase=CLOSE)
    market.fills[:] = market.marks
    r = np.random.default_rng(1)
    targets = np.ascontiguousarray(r.dirichlet(np.ones(ASSETS), (ROWS, 40)).transpose(0, 2, 1))
    out = simulate(market, np.arange(ROWS), targets, 1e6)
    assert out.costs[:, 4].max() == 0.0
    assert out.costs[:, :2].min(axis=1)[1:].min() > 0.0


def test_ruin_ends_the_path_and_spares_the_others():
    market = tape(dead=False, fee=0.0, spread=0.0)._replace(phase=CLOSE)
    market.fills[:] = market.marks
    market.marks[10:, 0] *= 0.4
    targets = np.zeros((2, ASSETS, 3))
    targets[:, 0] = [2.5, 1.0, -2.5]
    due = np.full(ROWS, -1)
    due[[5, 20]] = 0, 1
    out = simulate(market, due, targets, 1e6, detail="trades")
    assert out.ruined.tolist() == [10, -1, -1]
    assert (out.nav[:10, 0] > 0).all()
    assert (out.nav[10:, 0] == 0).all()
    assert (out.held[10:, :, 0] == 0).all()
    assert (out.traded[11:, 0] == 0).all()
    assert (out.nav[:, 1:] > 0).all()
    plain = simulate_reference(market, due, targets, 1e6)
    np.testing.assert_array_equal(out.ruined, plain.ruined)
    np.testing.assert_allclose(out.nav, plain.nav, rtol=1e-12)
