"""Recurrent networks: the published one by its parameters, windows, and training by Keras."""

import dataclasses
import sys

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError, MissingData, StrategyError
from tiltwise.models.forecasters import recurrent_keras
from tiltwise.models.forecasters.contract import Scaling
from tiltwise.models.forecasters.recurrent import Recurrent, RecurrentForecast
from tiltwise.models.forecasters.recurrent_network import (
    PUBLISHED,
    SMALL,
    Architecture,
    forward,
    layers,
    shapes,
)
from tiltwise.models.forecasters.stopping import Stopping
from tiltwise.models.forecasters.walk import walk
from tiltwise.models.forecasters.windows import windows
from tiltwise.models.validation.refits import Refits

TINY = Architecture(units=4, dense=(5, 3), recurrent_dropout=0.5)


def lesson(rows=80, features=6, targets=2, signal=0.0):
    rng = np.random.default_rng(1)
    dates = pd.date_range("2010-01-31", periods=rows, freq="ME", unit="ns")
    x = pd.DataFrame(rng.standard_normal((rows, features)), dates).add_prefix("f")
    y = 0.04 * pd.DataFrame(rng.standard_normal((rows, targets)), dates).add_prefix("a")
    return x, y + signal * np.sign(x[["f0"]].to_numpy())


def invented(plan, features, targets):
    rng = np.random.default_rng(2)
    return tuple(0.3 * rng.standard_normal(shape) for shape in shapes(plan, features, targets))


def test_the_published_network_has_its_parameters_layer_by_layer():
    """3.09: 10,496,264 parameters; the table agrees with the shapes of the arrays."""
    found = dict(layers(PUBLISHED, 135, 12))
    assert found == {
        "lstm": 4 * (135 + 1350 + 1) * 1350,
        "layer_normalization": 2700,
        "dense_1": 1_729_280,
        "dense_2": 655_872,
        "dense_3": 82_080,
        "output": 1_932,
    }
    assert found["lstm"] == 8_024_400
    assert sum(found.values()) == 10_496_264
    assert sum(int(np.prod(shape)) for shape in shapes(PUBLISHED, 135, 12)) == 10_496_264


def test_the_published_settings():
    """3.10: recurrent dropout .8, L1-L2 of .1 on hidden layers, L2 of .1 on the output."""
    assert dataclasses.asdict(PUBLISHED) == {
        "months": 12,
        "units": 1350,
        "dense": (1280, 512, 160),
        "recurrent_dropout": 0.8,
        "hidden_l1": 0.1,
        "hidden_l2": 0.1,
        "output_l2": 0.1,
    }
    assert Stopping().epochs == 100
    assert sum(count for _, count in layers(SMALL, 135, 12)) == 10_236


def test_a_forward_pass_gives_a_row_of_twelve():
    """3.10: (batch, 12, 135) goes in, (batch, 12) comes out."""
    told = forward(np.zeros((3, 12, 135)), invented(SMALL, 135, 12))
    assert told.shape == (3, 12)


def test_a_window_goes_with_the_very_next_month():
    """3.11: window i ends on row i + 11 and is paired with the return of month i + 12."""
    months = pd.period_range("2004-11", periods=30, freq="M")
    number = np.arange(30.0)
    seen = windows(np.column_stack([number, -number]), 12)
    assert seen.shape == (19, 12, 2)
    y = pd.DataFrame({"return of month": number}).shift(-1).to_numpy()[11:, 0]
    for i in range(18):
        assert seen[i, :, 0].tolist() == list(range(i, i + 12))
        assert y[i] == seen[i, -1, 0] + 1 == i + 12
    assert months[11] == pd.Period("2005-10")
    assert np.isnan(y[18])
    with pytest.raises(DataError, match="11 rows are too few for a window of 12"):
        windows(np.zeros((11, 2)), 12)


def test_a_record_forecasts_from_the_twelve_rows_up_to_its_own():
    """3.11, 3.18: no forecast for the first eleven rows; later features leave a row alone."""
    x, _ = lesson()
    ones = Scaling(np.zeros(6), np.ones(6)), Scaling(np.zeros(2), np.ones(2))
    weights = invented(TINY, 6, 2)
    found = RecurrentForecast(TINY, weights, tuple(x), ("a0", "a1"), *ones, ())
    told = found.predict(x)
    assert told.index.equals(x.index[11:])
    moved = x.copy()
    moved.iloc[41:] = 5.0
    moved.iloc[:29] = 5.0
    again = found.predict(moved)
    row = x.index[40]
    pd.testing.assert_series_equal(told.loc[row], again.loc[row], check_exact=True)
    np.testing.assert_array_equal(found.predict(x.iloc[29:41]), told.loc[[row]])
    assert not np.allclose(told.loc[x.index[39]], again.loc[x.index[39]])
    assert found.parameters == sum(count for _, count in layers(TINY, 6, 2))


def test_batches_have_one_shape_and_hold_each_row_once():
    told = list(recurrent_keras.batches(70, 32, np.random.default_rng(0)))
    assert [len(rows) for rows, _ in told] == [32, 32, 32]
    counted = np.concatenate([rows[weight > 0] for rows, weight in told])
    assert sorted(counted) == list(range(70))


def test_wrong_networks_and_gaps_are_refused():
    with pytest.raises(StrategyError, match="at least 1"):
        Architecture(units=0)
    x, y = lesson()
    y.iloc[30, 0] = np.nan
    with pytest.raises(DataError, match="missing in row 2012-07-31"):
        Recurrent(TINY).fit(x, y)


def test_without_keras_the_advice_is_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)  # what an import then finds is nothing
    with pytest.raises(MissingData, match=r"pip install 'tiltwise\[nets\]'"):
        Recurrent(TINY).fit(*lesson())


# ------------------------------------------------------------------------------------ with Keras


@pytest.mark.parametrize("plan", [TINY, SMALL, PUBLISHED])
def test_keras_builds_the_same_layers(plan):
    """3.09, 3.10: parameters by layer, shapes, dropout, penalties, Adam and squared error."""
    model = recurrent_keras.build(recurrent_keras.Course(plan, 1e-3, 32, 0), 135, 12)
    counts = [layer.count_params() for layer in model.layers if layer.count_params()]
    assert counts == [count for _, count in layers(plan, 135, 12)]
    assert [tuple(w.shape) for w in model.get_weights()] == shapes(plan, 135, 12)
    assert model.output_shape == (None, 12)
    told = [layer.get_config() for layer in model.layers]
    assert told[0]["recurrent_dropout"] == plan.recurrent_dropout
    dense = [config for config in told if "units" in config][1:]
    assert [config["units"] for config in dense] == [*plan.dense, 12]
    for config in dense[:-1]:
        penalty = config["kernel_regularizer"]["config"]
        assert (penalty["l1"], penalty["l2"]) == pytest.approx((plan.hidden_l1, plan.hidden_l2))
    assert dense[-1]["kernel_regularizer"]["config"]["l2"] == pytest.approx(plan.output_l2)
    assert type(model.optimizer).__name__ == "Adam"
    assert model.loss == "mse"


def test_the_forward_pass_is_that_of_keras():
    """3.10: plain NumPy against the library, the published layer sizes at a smaller scale."""
    for plan in (TINY, SMALL, Architecture(units=30, dense=(20, 12, 8))):
        model = recurrent_keras.build(recurrent_keras.Course(plan, 1e-3, 32, 5), 9, 4)
        seen = np.random.default_rng(1).standard_normal((6, 12, 9))
        theirs = model.predict_on_batch(seen.astype(np.float32))
        ours = forward(seen, tuple(np.asarray(w, dtype=float) for w in model.get_weights()))
        np.testing.assert_allclose(ours, theirs, atol=3e-6)


def test_the_same_seed_gives_the_same_network_whatever_was_trained_before():
    x, y = lesson()
    model = Recurrent(TINY, Stopping(epochs=4))
    first = model.fit(x, y)
    model.fit(x.head(60), y.head(60))
    again = model.fit(x, y)
    pd.testing.assert_frame_equal(first.predict(x), again.predict(x), check_exact=True)
    other = dataclasses.replace(model, seed=1).fit(x, y)
    assert not np.allclose(first.predict(x), other.predict(x))


def test_a_walk_forward_compiles_once():
    """Refits with other numbers of rows, after the first one: not one further compilation."""
    import jax

    x, y = lesson()
    recurrent_keras._network.cache_clear()
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, seconds, **_: compiled.append(event) if "backend_compile" in event else None
    )
    model = Recurrent(TINY, Stopping(epochs=2))
    walk({"lstm": model}, x.head(60), y.head(60), Refits(59))
    first = len(compiled)
    assert first > 0
    found = walk({"lstm": model}, x, y, Refits(60, 7))
    assert len(compiled) == first
    assert recurrent_keras._network.cache_info().misses == 1
    assert found.tables["lstm"].shape == (20, 2)
    assert found.tables["lstm"].notna().all(axis=None)


def test_inner_windows_stop_the_training_and_nothing_else():
    """3.12: patience ends it, the least error is kept; inner targets leave the weights alone."""
    x, y = lesson(signal=0.02)
    found = Recurrent(TINY, Stopping(epochs=100, patience=3)).fit(x, y)
    best = int(np.argmin(found.inner))
    assert len(found.inner) == min(best + 4, 100)
    one = Recurrent(TINY, Stopping(epochs=1))
    first = Stopping().divide(80 - 11) + 11
    other = y.copy()
    other.iloc[first:] += 1.0
    a, b = one.fit(x, y), one.fit(x, other)
    pd.testing.assert_frame_equal(a.predict(x), b.predict(x), check_exact=True)
    assert a.inner != b.inner


def test_a_planted_relation_is_learnt():
    x, y = lesson(220, 4, 2, signal=0.1)
    found = Recurrent(stopping=Stopping(epochs=100), rate=1e-2).fit(x.head(180), y.head(180))
    told, truth = found.predict(x).tail(40), y.tail(40)
    assert ((told - truth) ** 2).mean(axis=None) < 0.6 * (truth**2).mean(axis=None)
