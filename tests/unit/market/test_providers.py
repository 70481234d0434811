"""Sources of market data: one table, asked by the command line and by `Market.open`."""

from pathlib import Path

import pytest

from tiltwise.cli import inputs
from tiltwise.cli.exit_codes import UsageError
from tiltwise.errors import DataError, MissingData
from tiltwise.market.market import Market
from tiltwise.market.readers import providers
from tiltwise.market.readers.providers import Provider
from tiltwise.market.synthetic import simulate

SEEDED = Market.from_frames(**simulate(3)[0])


def test_a_source_is_one_line_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    invented = Provider("mine", lambda text: simulate(int(text))[0], ("mine:NUMBER",))
    monkeypatch.setattr(providers, "PROVIDERS", (*providers.PROVIDERS, invented))
    assert Market.open("mine:3") == SEEDED
    assert inputs.market("mine:3") == SEEDED
    assert providers.forms().endswith("synthetic:SEED or mine:NUMBER")


def test_the_messages_of_data(tmp_path: Path) -> None:
    for text in ("absent.csv", "french:absent.csv", "sample:", "synthetic:"):
        with pytest.raises(MissingData) as caught:
            inputs.market(text)
        assert str(caught.value) == (
            f"{text}: there is no such file or store; --data takes a store, a CSV or Parquet "
            "file, french:FILE of the Kenneth French library, sample:stocks, sample:factors or "
            "synthetic:SEED"
        )
    with pytest.raises(UsageError, match="--data synthetic:SEED needs a whole number, not 'x'"):
        inputs.market("synthetic:x")
    with pytest.raises(UsageError, match="--data synthetic:SEED brings its own benchmark, rates"):
        inputs.market("synthetic:3", benchmark="SPY")
    with pytest.raises(DataError, match="no sample 'bonds'"):
        inputs.market("sample:bonds")
    with pytest.raises(DataError, match="synthetic:SEED needs a whole number"):
        Market.open("synthetic:x")
    with pytest.raises(MissingData, match="no such file"):
        Market.open(tmp_path / "absent.csv")


def test_results_name_a_file_without_its_folder() -> None:
    assert inputs.label("french:/data/ff5.csv") == "french:ff5.csv"
    assert inputs.label("/data/prices.csv") == "prices.csv"
    assert inputs.label("sample:stocks") == "sample:stocks"
