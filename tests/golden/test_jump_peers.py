"""Labels equal to those of jumpmodels 0.1.1 over a grid of penalties and numbers of features.

`make_jump_peers.py` recorded them; `test_jump_goldens.py` has the published cases.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tiltwise.models.regimes.clipping import ClippedScale
from tiltwise.models.regimes.jump_model import JumpModel, SparseJumpModel, fit_penalties

GOLDEN = json.loads(Path(__file__).with_name("jump_peers.json").read_text(encoding="utf-8"))
PENALTIES = (0.0, 1.0, 5.0, 20.0, 50.0, 100.0)
KEPT = (1.0, 2.0, 5.0, 9.5)
RANDOM = ("random 0", "random 1", "random 2")


def digest(labels):
    path = np.asarray(labels).astype(np.int8)
    return [int((np.diff(path) != 0).sum()), hashlib.sha256(path.tobytes()).hexdigest()[:16]]


def nasdaq(folder):
    """Nine features of the whole history, scaled on the training days."""
    returns = pd.read_csv(folder / "ndx_daily.csv", index_col=0, parse_dates=True)["ret"].dropna()
    squares = returns.clip(upper=0.0) ** 2
    columns = {}
    for life in (5, 20, 60):
        mean = returns.ewm(halflife=life).mean()
        down = squares.ewm(halflife=life).mean() ** 0.5
        columns[f"ret {life}"] = mean
        columns[f"down {life}"] = np.log(down)
        columns[f"sortino {life}"] = mean / down
    features = pd.DataFrame(columns)
    train, test = features["2007-01-03":"2021-12-31"], features["2022-01-01":"2024-09-27"]
    scale = ClippedScale.fit(train)
    return scale.apply(train), scale.apply(test), returns[train.index]


def simulated(name):
    """The rows of `make_jump_peers.simulated`."""
    draw = np.random.RandomState(int(name.split()[1]))
    state = np.cumsum(draw.uniform(size=400) < 0.03) % 2
    strength = np.append(np.linspace(0.3, 2.0, 6), np.zeros(6))
    features = draw.normal(size=(400, 12)) + state[:, None] * strength
    returns = 0.01 * draw.normal(size=400) + 0.001 - 0.004 * state
    return features[:300], features[300:], returns[:300]


def check(model, later, expected, where):
    assert model.objective_ == pytest.approx(expected["objective"], rel=1e-10), where
    assert digest(model.labels_) == expected["train"], where
    assert digest(model.filter(later).labels) == expected["online"], where
    if "weights" in expected:
        np.testing.assert_allclose(model.weights_, expected["weights"], atol=6e-7, err_msg=where)


def check_all(rows, group):
    """Every penalty, with all features and with few; the dense ones from one call."""
    train, later, returns = rows
    dense = fit_penalties(JumpModel(), PENALTIES, train, returns, sort_by="cumret")
    for penalty, model in zip(PENALTIES, dense, strict=True):
        check(model, later, GOLDEN[group][f"{penalty:g}"], f"{penalty:g}")
        for kept in KEPT:
            where = f"{penalty:g} sparse {kept:g}"
            few = SparseJumpModel(jump_penalty=penalty, max_features=kept).fit(train, returns)
            check(few, later, GOLDEN[group][where], where)


@pytest.mark.shared_data
def test_thirty_fits_on_the_nasdaq(shared):
    """`4.05`, `4.06`, `4.09`: fitted and online labels, objectives and weights, all the same."""
    check_all(nasdaq(shared), "nasdaq")


@pytest.mark.parametrize("group", RANDOM)
def test_thirty_fits_on_random_features(group):
    """`4.05`, `4.06`, `4.09`: the same where regimes hardly show."""
    check_all(simulated(group), group)


@pytest.mark.parametrize("group", RANDOM)
def test_three_states_and_shares_of_states(group):
    """`4.05`, `4.07`."""
    train, later, returns = simulated(group)
    three = JumpModel(3, jump_penalty=20.0).fit(train, returns)
    check(three, later, GOLDEN[group]["20 three"], "three")
    shares = JumpModel(jump_penalty=200.0, continuous=True).fit(train, returns)
    check(shares, later, GOLDEN[group]["200 continuous"], "continuous")


def test_the_grid_was_recorded_whole_and_is_not_trivial():
    """A recording with paths that never change would agree with anything."""
    assert GOLDEN["versions"]["jumpmodels"] == "0.1.1"
    for group in ("nasdaq", *RANDOM):
        fits = [name for name in GOLDEN[group] if not name.endswith(("three", "continuous"))]
        assert len(fits) == len(PENALTIES) * (1 + len(KEPT))
        changing = [GOLDEN[group][name]["train"][0] > 0 for name in fits]
        assert np.mean(changing) > 0.6
