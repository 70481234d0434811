"""A replica in stages: the same answers as in one walk, from files, whatever was killed."""

import dataclasses
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from tiltwise import Market
from tiltwise.backtest.costs import Costs
from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import walk_forward
from tiltwise.errors import DataError, MissingData
from tiltwise.evaluate.monitor import LIMITS, book_values, data_values, monitored
from tiltwise.ledger.frames import FORMS, read_table
from tiltwise.market.quality import quality
from tiltwise.models.inclusion.probability_scores import area, roc_curve
from tiltwise.recipes.sparse_replication import SparseReplication
from tiltwise.research.studies.replication import stages as steps
from tiltwise.research.studies.replication.models import Bulk, Checkpoints
from tiltwise.research.studies.replication.results import TABLES, classifier, result_tables

pytestmark = pytest.mark.slow

NAMES = ("features", "labels", "model")
FIVE_BPS = Simulator(costs=Costs(half_spread_bps=5.0))


@pytest.fixture(scope="module")
def market():
    return Market.synthetic(3, sessions=560)


def work(folder, market, every=2, **more):
    strategy = SparseReplication(universe=market.assets, grid="middle")
    start = str(market.dates[420].date())
    bulk = Bulk(checkpoint_every_n_months=every)
    return steps.Work(folder, strategy, start, FIVE_BPS, bulk, **more)


@pytest.fixture(scope="module")
def whole(market, tmp_path_factory):
    made = work(tmp_path_factory.mktemp("whole"), market)
    steps.stage_data(market, made.folder, market.assets, {})
    for name in NAMES:
        steps.RUN[name](made)
    return made


@pytest.fixture(scope="module")
def found(whole):
    return steps.stage_portfolio(whole)


def model_files(folder):
    names = steps.WRITTEN["model"]
    return {f: (folder / f).read_bytes() for n in names for f in (f"{n}.{k}" for k in FORMS)}


def test_stages_decide_as_one_walk_does(whole, found, market):
    """2.02: five stages over files give the weights and returns of the recipe, bit for bit."""
    one = walk_forward(whole.strategy, market, found.result.nav.index[0], simulator=FIVE_BPS)
    pd.testing.assert_frame_equal(found.result.weights, one.weights, check_exact=True)
    assert found.result.returns.to_numpy().tobytes() == one.returns.to_numpy().tobytes()
    assert one.weights.nunique().max() > 2


def test_each_stage_runs_alone_and_names_what_it_lacks(whole, market, tmp_path):
    """2.02: a stage needs the files of those before it, and says which is missing."""
    made = work(tmp_path, market)
    with pytest.raises(MissingData, match="--stage data"):
        steps.stage_features(made)
    steps.stage_data(market, tmp_path, market.assets, {})
    with pytest.raises(MissingData, match="--stage features"):
        steps.stage_model(made)
    for name in reversed(NAMES[:2]):
        steps.RUN[name](made)  # labels need no features
    steps.stage_model(made)
    assert model_files(tmp_path) == model_files(whole.folder)


def test_a_killed_run_takes_the_months_it_has(whole, market, tmp_path, monkeypatch):
    """2.34: stopped between two checkpoints and started again, it ends with the same bytes."""
    made, done = work(tmp_path, market), []
    steps.stage_data(market, tmp_path, market.assets, {})
    for name in NAMES[:2]:
        steps.RUN[name](made)

    def stop(line):
        done.append(line)
        if len(done) == 3:
            raise KeyboardInterrupt

    loud = Bulk(checkpoint_every_n_months=2, minimal_logging=False)
    with pytest.raises(KeyboardInterrupt):
        steps.stage_model(dataclasses.replace(made, bulk=loud, log=stop))
    assert len(list((tmp_path / "checkpoints").iterdir())) == 1
    again = []
    steps.stage_model(dataclasses.replace(made, bulk=loud, log=again.append))
    months = len(read_table(tmp_path, "scores"))
    assert len(again) == months - 2  # a checkpoint of two months was found
    assert model_files(tmp_path) == model_files(whole.folder)


def test_checkpoints_of_other_inputs_are_not_taken(tmp_path):
    """2.34: other labels or settings, and damaged files, count as no checkpoint."""
    path = tmp_path / "labels"
    path.write_bytes(b"1")
    mine = Checkpoints.of(tmp_path / "c", (path,), "small", 1)
    mine.write({"2020-01-31": {"auc": 0.1}})
    (tmp_path / "c" / "z.json").write_text("{")
    assert mine.read() == {"2020-01-31": {"auc": 0.1}}
    assert not Checkpoints.of(tmp_path / "c", (path,), "full", 1).read()
    path.write_bytes(b"2")
    assert not Checkpoints.of(tmp_path / "c", (path,), "small", 1).read()
    with pytest.raises(DataError, match="CHECKPOINT_EVERY_N_MONTHS"):
        Bulk(checkpoint_every_n_months=0)


def test_all_tables_reload_and_hang_together(whole, found):
    """2.19, 2.29: every result table comes back from every form; net is gross less 5 bps."""
    predictions, importance = whole.read("predictions"), whole.read("importance")
    tables = result_tables(found, whole.market(), whole.strategy, predictions, importance)
    assert set(tables) == set(TABLES)
    for name, table in tables.items():
        whole.write(name, table)
        for form in FORMS:
            again = read_table(whole.folder, name, form)
            pd.testing.assert_frame_equal(again, table, check_exact=True)
    gap = (tables["returns"]["gross"] - tables["returns"]["net"]).to_numpy()
    turnover = found.result.turnover.reindex(tables["returns"].index).to_numpy()
    assert turnover.sum() > 1.0
    np.testing.assert_allclose(gap, 5e-4 * turnover, atol=1e-6)
    compounded = (1.0 + tables["monthly"]["net"]).prod()
    assert compounded == pytest.approx((1.0 + tables["returns"]["net"]).prod())


def test_the_curve_has_the_area_of_its_ranks():
    """2.40: trapezoids under the ROC curve are the area by ranks, ties included."""
    rng = np.random.default_rng(1)
    chance = rng.integers(0, 9, 200) / 9.0
    labels = (rng.random(200) < 0.2 + 0.5 * chance).astype(float)
    curve = roc_curve(labels, chance)
    under = np.trapezoid(curve["true_positive"], curve["false_positive"])
    assert under == pytest.approx(area(labels, chance), abs=1e-12)
    assert curve.iloc[-1, 1:].tolist() == [1.0, 1.0]
    assert roc_curve(np.ones(3), chance[:3]).empty


def test_monitoring_raises_an_alert_at_each_limit():
    """2.37: every check is at rest on its limit, alerts beyond, and is unknown without a value."""
    for limit in LIMITS:
        edge = limit.low if np.isfinite(limit.low) else limit.high
        beyond = edge + (-1e-9 if np.isfinite(limit.low) else 1e-9)
        for value, status in ((edge, "ok"), (beyond, "alert"), (np.nan, "unknown")):
            assert monitored({limit.name: value}).loc[limit.name, "status"] == status


def test_monitoring_sees_planted_faults_of_data(market):
    """2.37: gaps and an asset that stopped are counted; clean data give no alert."""
    clean = monitored(data_values(quality(market), market.prices))
    assert (clean.query("of == 'data'")["status"] == "ok").all()
    prices = market.prices.copy()
    prices.iloc[100:180, 0] = np.nan
    prices.iloc[-6:, 1] = np.nan
    told = monitored(data_values(quality(prices), prices))
    assert told.loc["missing closes", "value"] == pytest.approx(86 / prices.size)
    assert told.loc["missing closes", "status"] == "alert"
    assert told.loc["assets that trade no more", "value"] == 1.0


def test_monitoring_of_the_book_is_of_the_newest_year():
    """2.37: what was good before the newest year hides nothing."""
    dates = pd.bdate_range("2018-01-01", periods=600)
    ahead = np.where(np.arange(600) < 348, 1e-5, 1e-3) * np.where(np.arange(600) % 2, 1.0, -1.2)
    base = pd.Series(1e-4, dates)
    months = pd.bdate_range("2018-01-31", periods=24, freq="BME")
    fitted = pd.Series([1e-3] * 12 + [0.01] * 12, months)
    status = pd.Series(["held: no window"] * 12 + ["optimal"] * 11 + ["held: gone"], months)
    found = book_values(base + ahead, base, fitted, status)
    newest = ahead[-252:]
    error = newest.std(ddof=1) * 252**0.5
    assert found["tracking error, realised to fitted"] == pytest.approx(error / 0.01)
    assert found["information ratio"] == pytest.approx(newest.mean() * 252 / error)
    assert found["months in which the book was kept for want of an answer"] == 1.0
    perfect = book_values(base + ahead, base, fitted * 0.0 + 1e-12, status)
    assert np.isnan(perfect["tracking error, realised to fitted"])  # rounding is no yardstick


def test_predictions_are_scored_beside_always_including(market):
    """2.13, 2.15: by hand, with base rates; labels of one class and no classifier are told."""
    index = pd.MultiIndex.from_product([market.dates[[20]], list("ABCDE")], names=["date", "asset"])
    told = {"probability": [0.9, 0.8, 0.5, 0.4, 0.3], "label": [1.0, 0.0, 1.0, 1.0, np.nan]}
    strategy = SparseReplication(universe=market.assets)
    found = classifier(pd.DataFrame(told, index), strategy)
    assert found.loc["AUC", "predictions"] == pytest.approx(1 / 3)
    assert found.loc["AUC", "note"] == "worse than chance"
    assert found["predictions"].tolist()[1:] == pytest.approx([0.5, 2 / 3, 2 / 3, 2 / 3])
    assert found["always_include"].tolist() == pytest.approx([0.5, 0.75, 0.75, 1.0, 6 / 7])
    assert found.loc["accuracy", "note"] == "0.75 of the commoner label"
    same = classifier(pd.DataFrame({**told, "label": 1.0}, index), strategy)
    assert np.isnan(same.loc["AUC", "predictions"])
    assert same.loc["AUC", "note"].startswith("one class")
    none = dataclasses.replace(strategy, select="all")
    assert classifier(pd.DataFrame(told, index), none).empty


UNITS = {
    "tiltwise.models.inclusion.classifier": """
rng = np.random.default_rng(1)
days = pd.bdate_range("2010-01-29", periods=24, freq="BME")
index = pd.MultiIndex.from_product([days, list("ABCDEFGH")], names=["date", "asset"])
x = pd.DataFrame(rng.normal(size=(len(index), 2)), index, ["a", "b"])
y = (x["a"] > 0).astype(int)
from tiltwise.models.inclusion.search import MIDDLE, Search
one = {name: (value,) for name, value in MIDDLE.items()}
model = unit.fit_inclusion(x, y, Search({**one, "n_estimators": (10,), "max_depth": (2,)}))
kept = unit.InclusionModel.from_json(model.to_json())
told = kept.probability(x)
assert told.equals(model.probability(x))
assert ((told > 0.5) == (y == 1)).all()
assert model.importance["a"] > 0.9
""",
    "tiltwise.portfolio.replication.tracking": """
rng = np.random.default_rng(2)
returns = pd.DataFrame(rng.normal(0.0, 0.01, (120, 5)), columns=list("ABCDE"))
planted = pd.Series([0.6, 0.0, 0.4, 0.0, 0.0], list("ABCDE"))
limits = unit.Sparse(holdings=2, cap=0.7, floor=0.05)
found = unit.track(returns, returns @ planted, limits)
np.testing.assert_allclose(found.weights, planted, atol=1e-9)
assert found.tracking_error < 1e-10 and found.kkt < 1e-9 and not found.status.startswith("fall")
""",
    "tiltwise.ledger.frames": """
import pathlib, tempfile
days = pd.DatetimeIndex(["2020-01-31", "2020-02-28", "2020-03-31"], name="date").as_unit("ns")
cells = {"x": [0.1 + 0.2, np.nan, -np.inf], "n": [1, 2, 3], "word": ["a", "b,c", ""]}
frame = pd.DataFrame(cells, days)
with tempfile.TemporaryDirectory() as folder:
    unit.write_table(pathlib.Path(folder), "table", frame)
    for form in unit.FORMS:
        kept = unit.read_table(pathlib.Path(folder), "table", form)
        pd.testing.assert_frame_equal(kept, frame, check_exact=True, check_freq=False)
""",
}


@pytest.mark.parametrize("name", UNITS)
def test_three_units_stand_alone(name):
    """2.39: classifier, optimiser and storage load without each other, say what they take, work.

    Each in a fresh interpreter: what one is given comes back in numbers, the other two unloaded.
    """
    others = sorted(set(UNITS) - {name})
    code = f"""
import importlib, inspect, sys
import numpy as np, pandas as pd
unit = importlib.import_module({name!r})
own = {{k: v for k, v in vars(unit).items() if not k.startswith("_")
       and inspect.isroutine(v) | inspect.isclass(v) and v.__module__ == {name!r}}}
methods = {{f"{{k}}.{{m}}": f for k, v in own.items() if inspect.isclass(v)
           for m, f in vars(v).items() if not m.startswith("_") and inspect.isroutine(f)}}
bare = [k for k, v in {{**own, **methods}}.items() if not inspect.getdoc(v)]
assert own and inspect.getdoc(unit) and not bare, bare
{UNITS[name]}
loaded = set({others}) & set(sys.modules)
assert not loaded, loaded
print("done")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "done\n", done.stderr
