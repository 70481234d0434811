"""Event studies and switching counted by hand (`4.10`, `4.58`)."""

import numpy as np
import pandas as pd
import pytest

from tiltwise.errors import DataError
from tiltwise.evaluate.detection import EVENTS, Event, event_study, false_alarms, switching
from tiltwise.models.regimes.jump_model import JumpModel

DAYS = pd.bdate_range("2024-01-01", periods=20)  # Mondays are rows 0, 5, 10, 15
STORM = Event("storm", "2024-01-08", "2024-01-12")  # rows 5 to 9
SQUALL = Event("squall", "2024-01-20", "2024-01-23")  # begins on a Saturday: rows 15 and 16


def path(text):
    return pd.Series([int(c) for c in text], DAYS[: len(text)])


@pytest.mark.parametrize(
    ("text", "delay", "share", "first"),
    [
        ("00000001110000000000", 2, 0.6, 7),
        ("00011111000000000000", 0, 0.6, 5),  # in stress since before
        ("00000000000111110000", np.nan, 0.0, None),
        ("00000100010000000000", 0, 0.4, 5),
        ("00000000010000000000", 4, 0.2, 9),
    ],
)
def test_one_event_by_hand(text, delay, share, first):
    """`4.10`: delay is sessions from the event's first to the first one in stress."""
    row = event_study(path(text), [STORM]).loc["storm"]
    assert row["delay"] == delay or np.isnan(delay)
    assert np.isnan(row["delay"]) == np.isnan(delay)
    assert row["share"] == pytest.approx(share)
    assert row["sessions"] == 5
    assert row["whole"]
    assert row["first"] is pd.NaT if first is None else row["first"] == DAYS[first]


def test_an_event_whose_edges_are_no_sessions():
    row = event_study(path("00000000000000001111"), [SQUALL]).loc["squall"]
    assert (row["sessions"], row["delay"], row["share"]) == (2, 1.0, 0.5)


def test_events_that_the_path_misses():
    """A start that was not seen has no delay; an event elsewhere has nothing."""
    late = path("00000001110000000000").iloc[6:]
    row = event_study(late, [STORM]).loc["storm"]
    assert not row["whole"]
    assert np.isnan(row["delay"])
    assert row["share"] == pytest.approx(0.75)
    cut = event_study(path("00000001"), [STORM]).loc["storm"]
    assert (cut["whole"], cut["delay"]) == (False, 2.0)
    table = event_study(late)
    assert list(table.index) == [e.name for e in EVENTS]
    assert table["sessions"].eq(0).all()
    assert table[["delay", "share"]].isna().all().all()


def test_false_alarms_by_hand():
    """`4.10`: a run that touches an event is none, though what lies outside it counts."""
    #               storm     squall
    #            01234567890123456789
    labels = path("01001111000110000101")
    found = false_alarms(labels, [STORM, SQUALL]).iloc[0]
    assert found["sessions"] == 13
    assert found["share"] == pytest.approx(6 / 13)  # rows 1, 4, 11, 12, 17, 19
    assert found["spells"] == 4  # 1, 11-12, 17, 19; not 4-7, which reaches into the storm
    assert found["spells_a_year"] == pytest.approx(4 * 252 / 13)
    calm = false_alarms(path("00000111110000000000"), [STORM]).iloc[0]
    assert (calm["share"], calm["spells"]) == (0.0, 0.0)
    everywhere = false_alarms(path("11111"), [Event("all", "2023-01-01", "2025-01-01")]).iloc[0]
    assert np.isnan(everywhere["share"])
    assert false_alarms(labels, []).iloc[0]["spells"] == 5


def test_switching_by_hand():
    found = switching(path("01001111000110000101")).iloc[0]
    assert found["sessions"] == 20
    assert found["shifts"] == 9
    assert found["shifts_a_year"] == pytest.approx(9 * 252 / 19)
    assert found["spells"] == 5
    assert found["spell"] == pytest.approx(9 / 5)
    assert found["share"] == pytest.approx(9 / 20)
    still = switching(path("0000")).iloc[0]
    assert (still["shifts"], still["spells"]) == (0, 0)
    assert np.isnan(still["spell"])
    assert switching(path("0"))["shifts_a_year"].iloc[0] == 0.0
    three = switching(path("0121"), stress=2).iloc[0]
    assert (three["shifts"], three["share"]) == (3, 0.25)


def test_several_paths_at_once():
    """`4.10`: symmetric and asymmetric cases side by side; a path may begin later."""
    frame = pd.DataFrame({"symmetric": path("0" * 6 + "1" * 14), "late": path("0" * 20)})
    frame.loc[DAYS[:3], "late"] = np.nan
    table = event_study(frame, [STORM, SQUALL])
    assert table.index.names == ["path", "event"]
    assert table.loc[("symmetric", "storm"), "delay"] == 1.0
    assert np.isnan(table.loc[("late", "storm"), "delay"])
    assert switching(frame).loc["late", "sessions"] == 17
    assert false_alarms(frame, [STORM]).loc["symmetric", "spells"] == 0


def test_a_dear_entry_is_late_and_a_cheap_one_cries_wolf():
    """`4.10`, `4.58`: known states of jump models on a storm of fifty sessions."""
    rng = np.random.default_rng(0)
    days = pd.bdate_range("2020-01-01", periods=600)
    x = rng.normal(0.0, 1.0, (600, 2)) + ((np.arange(600) // 50) == 8)[:, None] * 1.6
    returns = pd.Series(-x[:, 0] * 0.01, days)
    storm = Event("storm", f"{days[400]:%Y-%m-%d}", f"{days[449]:%Y-%m-%d}")
    costs = [0.0, 2.0, 5.0, 10.0, 20.0]
    models = [JumpModel(jump_penalty=c).fit(x, returns.to_numpy()) for c in costs]
    paths = pd.DataFrame({c: m.filter(pd.DataFrame(x, days)).labels
                          for c, m in zip(costs, models, strict=True)})  # fmt: skip
    delays = event_study(paths, [storm])["delay"].to_numpy()
    assert delays[0] == 0.0
    assert (np.diff(delays) >= 0).all()
    assert 0 < delays[-1] < 25
    shifts = switching(paths)["shifts_a_year"]
    assert shifts.is_monotonic_decreasing
    alarms = false_alarms(paths, [storm])["spells_a_year"]
    assert alarms.iloc[0] > 20
    assert alarms.iloc[-1] == 0.0


def test_paths_that_are_none():
    with pytest.raises(DataError, match="ends on 2024-01-01"):
        Event("x", "2024-02-01", "2024-01-01")
    with pytest.raises(DataError, match="dates as index"):
        switching(pd.Series([0, 1]))
    with pytest.raises(DataError, match="must rise"):
        event_study(path("0101").iloc[::-1])
    with pytest.raises(DataError, match="no state on 2024-01-02"):
        event_study(path("0101").where(lambda s: s.index != DAYS[1]))
