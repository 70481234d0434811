"""The public names are exactly these, and each can be had."""

import pytest

import tiltwise

NAMES = [
    "DAILY",
    "MONTHLY",
    "QUARTERLY",
    "WEEKLY",
    "YEARLY",
    "Backtest",
    "Calendar",
    "Costs",
    "Decision",
    "Ledger",
    "Market",
    "Run",
    "Schedule",
    "Simulator",
    "Store",
    "Strategy",
    "audit",
    "compare",
    "propose",
    "run_experiment",
    "summary",
    "tune",
    "walk_forward",
]


def test_the_public_names_are_these():
    assert sorted(tiltwise.__all__) == sorted(NAMES)
    assert {name for name in dir(tiltwise) if not name.startswith("_")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_there(name):
    found = getattr(tiltwise, name)
    assert getattr(found, "__name__", name).rpartition(".")[2] == name
    assert callable(found) or isinstance(found, tiltwise.Schedule)
    assert found is getattr(tiltwise, name)


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'utils'"):
        tiltwise.utils  # noqa: B018


def test_a_version_is_stated():
    assert tiltwise.__version__.count(".") == 2
