"""Frozen numbers of the reference package jumpmodels 0.1.1, cases A to D (`4.05` to `4.08`)."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.kernels.jump import general, soft_threshold
from tiltwise.kernels.jump import states as jump_states
from tiltwise.models.regimes.clipping import ClippedScale
from tiltwise.models.regimes.jump_model import JumpModel, SparseJumpModel

PRECISE = {"rel": 1e-8}


def one(labels):
    """Rows in state 1, and changes."""
    labels = np.asarray(labels)
    return int((labels == 1).sum()), int((np.diff(labels) != 0).sum())


@pytest.fixture(scope="module")
def closed_form():
    t = np.arange(240)
    bump = (((t >= 60) & (t < 110)) | ((t >= 170) & (t < 200))).astype(float)
    x = np.column_stack(
        [
            np.sin(0.37 * t) + 1.5 * bump,
            np.cos(0.23 * 1.1 * t) - 1.2 * bump,
            np.sin((0.11 * t**2) % 7),
            np.cos(1.7 * t),
            0.5 * np.sin(0.9 * t) + 0.4 * bump,
        ]
    )
    return x, 0.001 * np.sin(0.53 * t) + 0.002 - 0.006 * bump


@pytest.fixture(scope="module")
def nasdaq(shared):
    """Train and test features, scaled, and the training returns."""
    returns = pd.read_csv(shared / "ndx_daily.csv", index_col=0, parse_dates=True)["ret"].dropna()
    lives = (5, 20, 60)
    mean = {f"ret {h}": returns.ewm(halflife=h).mean() for h in lives}
    squares = returns.clip(upper=0.0) ** 2
    down = {f"down {h}": squares.ewm(halflife=h).mean() ** 0.5 for h in lives}
    features = pd.DataFrame(
        mean
        | {name: np.log(values) for name, values in down.items()}
        | {f"sortino {h}": mean[f"ret {h}"] / down[f"down {h}"] for h in lives}
    )
    train = features["2007-01-03":"2021-12-31"]
    test = features["2022-01-01":"2024-09-27"]
    assert (len(train), len(test)) == (3777, 688)
    scale = ClippedScale.fit(train)
    return scale.apply(train), scale.apply(test), returns[train.index]


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("penalty", "objective", "train", "test", "path"),
    [
        (0, 9982.3110, (1337, 326), (340, 48), (340, 48)),
        (50, 12478.4284, (731, 18), (273, 4), (264, 1)),
        (100, 13251.3155, (755, 14), (304, 2), None),
    ],
)
def test_a_jump_model(nasdaq, penalty, objective, train, test, path):
    """`4.05`, `4.09`: online labels of the test days differ from the path through them."""
    x, later, returns = nasdaq
    model = JumpModel(jump_penalty=penalty).fit(x, returns)
    assert model.objective_ == pytest.approx(objective, rel=1e-8)
    assert one(model.labels_) == train
    assert one(model.filter(later).labels) == test
    if path is not None:
        assert one(model.smooth(later).labels) == path


@pytest.mark.shared_data
def test_a_what_the_states_are(nasdaq):
    x, _, returns = nasdaq
    model = JumpModel(jump_penalty=50).fit(x, returns)
    np.testing.assert_allclose(model.means_, [0.0011145, -0.00107897], rtol=1e-5)
    np.testing.assert_allclose(model.vols_, [0.0101753, 0.0243676], rtol=1e-5)
    moves = [[0.997044, 0.002956], [0.012312, 0.987688]]
    np.testing.assert_allclose(model.transitions_, moves, atol=5e-7)
    by_life = [f"{name} {h}" for h in (5, 20, 60) for name in ("ret", "down", "sortino")]
    bull = pd.Series(model.centers_[0], x.columns)[by_life]
    expected = [0.154342, -0.296901, 0.157169, 0.296358, -0.31877, 0.274053, 0.336652]
    np.testing.assert_allclose(bull, [*expected, -0.245783, 0.336974], atol=3e-6)


@pytest.mark.shared_data
def test_a_continuous(nasdaq):
    """`4.07`."""
    x, later, returns = nasdaq
    model = JumpModel(jump_penalty=600, continuous=True).fit(x, returns)
    assert model.objective_ == pytest.approx(12523.7259, rel=1e-8)
    assert one(model.labels_) == (767, 20)
    assert model.proba_[1].mean() == pytest.approx(0.207824, abs=5e-7)
    known = model.filter(later).probabilities[1]
    assert known.mean() == pytest.approx(0.410610, abs=1e-6)
    assert (known > 0.5).sum() == 284


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("kept", "objective", "train", "test"),
    [
        (3, 1974.305, (938, 16), (308, 2)),
        (5, 2567.314, (1026, 16), (332, 4)),
        (9, 3483.966, (737, 16), (291, 4)),
    ],
)
def test_a_sparse(nasdaq, kept, objective, train, test):
    """`4.06`."""
    x, later, returns = nasdaq
    model = SparseJumpModel(jump_penalty=50, max_features=kept).fit(x, returns)
    assert model.objective_ == pytest.approx(objective, abs=6e-4)
    assert one(model.labels_) == train
    assert one(model.filter(later).labels) == test
    assert model.states_.penalty[0, 1] == pytest.approx(50 / 3)
    if kept == 3:
        names = ["down 5", "down 20", "sortino 20", "ret 60", "sortino 60"]
        weights = pd.Series(model.weights_, x.columns)
        expected = [0.063244, 0.365345, 0.000644, 0.568177, 0.734642]
        np.testing.assert_allclose(weights[names], expected, atol=6e-7)
        assert (weights.drop(names) == 0.0).all()


@pytest.mark.shared_data
def test_a_three_states(nasdaq):
    x, _, returns = nasdaq
    model = JumpModel(3, jump_penalty=50).fit(x, returns, sort_by="vol")
    assert model.objective_ == pytest.approx(11044.261, rel=1e-7)
    assert np.bincount(model.labels_).tolist() == [2568, 500, 709]
    assert one(model.labels_)[1] == 20
    assert (np.diff(model.vols_) > 0).all()


@pytest.mark.parametrize(
    ("penalty", "objective", "train", "known"),
    [
        (0, 239.88823057, (94, 14), (94, 14)),
        (1, 251.38992789, (77, 8), (80, 8)),
        (5, 268.05539301, (78, 4), (79, 4)),
        (20, 328.05539301, (78, 4), (75, 6)),
        (100, 349.77735324, (0, 0), (0, 0)),
    ],
)
def test_b_jump_model(closed_form, penalty, objective, train, known):
    """`4.05`."""
    x, returns = closed_form
    model = JumpModel(jump_penalty=penalty).fit(x, returns)
    assert model.objective_ == pytest.approx(objective, **PRECISE)
    assert one(model.labels_) == train
    assert one(model.filter(x).labels) == known


def test_b_details(closed_form):
    x, returns = closed_form
    model = JumpModel(jump_penalty=5).fit(x, returns)
    assert np.flatnonzero(np.diff(model.labels_)).tolist() == [59, 109, 169, 197]
    assert np.flatnonzero(np.diff(model.filter(x).labels)).tolist() == [61, 112, 171, 199]
    centers = [
        [-0.005596, -0.043874, 0.023787, -0.00026, 0.011216],
        [1.556604, -1.173139, 0.038415, -0.001165, 0.396129],
    ]
    np.testing.assert_allclose(model.centers_, centers, atol=6e-7)
    np.testing.assert_allclose(model.means_, [0.00192025, -0.00397181], atol=6e-9)
    np.testing.assert_allclose(model.vols_, [0.00104341, 0.00070475], atol=6e-9)
    moves = [[0.987578, 0.012422], [0.025641, 0.974359]]
    np.testing.assert_allclose(model.transitions_, moves, atol=6e-7)


def test_b_a_third_state_may_stay_empty(closed_form):
    x, returns = closed_form
    model = JumpModel(3, jump_penalty=5).fit(x, returns, sort_by="ret")
    assert model.objective_ == pytest.approx(268.05539301, **PRECISE)
    assert np.bincount(model.labels_, minlength=3).tolist() == [162, 78, 0]
    assert np.isnan(model.centers_[2]).all()
    assert np.isnan(model.transitions_[2]).all()


@pytest.mark.parametrize(
    ("mode_loss", "objective", "mean"),
    [(True, 297.0805139, 0.332917), (False, 282.07302485, 0.330625)],
)
def test_b_continuous(closed_form, mode_loss, objective, mean):
    """`4.07`."""
    x, returns = closed_form
    model = JumpModel(jump_penalty=50, continuous=True, mode_loss=mode_loss).fit(x, returns)
    assert model.objective_ == pytest.approx(objective, **PRECISE)
    assert one(model.labels_) == (79, 4)
    assert model.proba_[1].mean() == pytest.approx(mean, abs=5e-7)


@pytest.mark.parametrize(
    ("kept", "objective", "train", "weights"),
    [
        (1, 76.49538776, (72, 4), [1, 0, 0, 0, 0]),
        (2, 98.37741619, (78, 4), [0.885014, 0.462454, 0.000078, 0, 0.053728]),
        (9.5, 98.37741619, (78, 4), [0.885014, 0.462454, 0.000078, 0, 0.053728]),
    ],
)
def test_b_sparse(closed_form, kept, objective, train, weights):
    """`4.06`."""
    x, returns = closed_form
    model = SparseJumpModel(jump_penalty=10, max_features=kept).fit(x, returns)
    assert model.objective_ == pytest.approx(objective, **PRECISE)
    assert one(model.labels_) == train
    np.testing.assert_allclose(model.weights_, weights, atol=6e-7)


def test_b_sparse_goes_on_from_the_centres_of_the_round_before(closed_form):
    """`4.06`: with one start a round, the reference finds this only from those centres."""
    x, returns = closed_form
    model = SparseJumpModel(jump_penalty=1, max_features=2, n_init=1).fit(x, returns)
    assert model.objective_ == pytest.approx(80.45350398, **PRECISE)
    assert one(model.labels_) == (95, 12)
    weights = [0.880853, 0.472317, 0.001715, 0.000064, 0.031805]
    np.testing.assert_allclose(model.weights_, weights, atol=6e-7)


LOSSES = np.array([[0, 1], [1, 0], [0.2, 0.6], [2, 0], [0, 0.9], [0, 0.9]], dtype=float)


@pytest.mark.parametrize(
    ("penalty", "path", "value", "known"),
    [
        (0.0, "010100", 0.2, "010100"),
        (0.3, "011100", 1.2, "010100"),
        (0.5, "011100", 1.6, "011100"),
        (1.0, "011100", 2.6, "000110"),
        (2.0, "000000", 3.2, "000110"),
        ([[0, 0.2], [1.5, 0]], "011100", 2.3, None),
        ([[0, 1.5], [0.2, 0]], "111100", 1.8, None),
    ],
)
def test_c_dynamic_programme(penalty, path, value, known):
    """`4.05`, `4.08`."""
    states = jump_states.discrete_states(2, penalty)
    labels, cost = general.best_path(LOSSES, states.penalty, states.initial)
    assert "".join(map(str, labels)) == path
    assert cost == pytest.approx(value, rel=1e-12)
    if known is not None:
        carry = np.full(2, np.nan)
        got = general.online(LOSSES, states.penalty, states.initial, carry)
        assert "".join(map(str, got)) == known


def test_c_a_cost_of_beginning_in_a_state():
    """`4.08`: with a dear entry the path begins inside, unless beginning there costs too."""
    states = jump_states.discrete_states(2, [[0, 1.5], [0.2, 0]], [0.0, 1.5])
    labels, cost = general.best_path(LOSSES, states.penalty, states.initial)
    assert "".join(map(str, labels)) == "011100"
    assert cost == pytest.approx(2.3)


@pytest.mark.parametrize(
    ("kappa", "weights"),
    [
        (1.0, [1, 0, 0, 0, 0]),
        (1.2, [0.974166, 0.225834, 0, 0, 0]),
        (1.5, [0.827805, 0.546829, 0.125366, 0, 0]),
        (1.8, [0.725686, 0.576427, 0.352537, 0.128647, 0.016703]),
        (2.0, [0.71935, 0.57548, 0.359675, 0.14387, 0.035968]),
        (9.0, [0.71935, 0.57548, 0.359675, 0.14387, 0.035968]),
    ],
)
def test_d_weight_step(kappa, weights):
    """`4.06`."""
    got = soft_threshold.feature_weights(np.array([1.0, 0.8, 0.5, 0.2, 0.05]), kappa)
    np.testing.assert_allclose(got, weights, atol=6e-7)


def test_costs_of_the_continuous_model():
    """`4.07`."""
    states = jump_states.continuous_states(2, 600.0)
    expected = [6.16897, 1.66897, 0.16897, 1.66897, 6.16897]
    np.testing.assert_allclose(states.penalty[10, 8:13], expected, atol=6e-6)
    np.testing.assert_allclose(states.penalty[0, :4], [0, 1.5, 6, 13.5], atol=1e-12)
    assert len(states.points) == 21
    assert len(jump_states.continuous_states(3, 1.0, 0.1).points) == 66
    assert len(jump_states.continuous_states(2, 1.0, 0.3).points) == 4
