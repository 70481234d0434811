"""Groups of options are typed word by word, where the group stands."""

import inspect
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tiltwise.cli.config import Where
from tiltwise.cli.exit_codes import UsageError
from tiltwise.cli.groups import Chosen, Companions, Fills, Place, spelled_out
from tiltwise.cli.options import Recipe, Seed

SEEN: list[Any] = []


@spelled_out
def command(recipe: Recipe, *, chosen: Chosen, seed: Seed = 0, fills: Fills, place: Place) -> None:
    """Say what came."""
    SEEN[:] = [recipe, chosen, seed, fills, place]


def test_options_stand_where_their_group_stands() -> None:
    words = list(inspect.signature(command).parameters)
    held = ["settings", "start", "end", "universe"]
    filled = ["fill", "delay", "cost_bps", "commission_bps"]
    assert words == ["recipe", *held, "seed", *filled, "config", "folder", "jobs"]
    assert command.__doc__ == "Say what came."


def test_what_is_typed_arrives_in_groups() -> None:
    app = typer.Typer()
    app.command()(command)
    typed = "trend --set a=1 --set b=2 --end 2020 --seed 3 --delay 2 --cost-bps 1.5 --jobs 4"
    done = CliRunner().invoke(app, typed.split())
    assert done.exit_code == 0, done.output
    recipe, chosen, seed, fills, place = SEEN
    assert (recipe, seed) == ("trend", 3)
    assert chosen == Chosen(["a=1", "b=2"], end="2020")
    assert fills == Fills(delay=2, cost_bps=1.5)
    assert place == Place(jobs=4)


def test_groups_make_what_commands_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    where = Place(folder=Path("kept"), jobs=2).where("synthetic:5")
    assert where == Where(data="synthetic:5", folder=Path("kept"), jobs=2)
    market = Companions().market(where.data)
    assert (market.benchmark, len(market)) == ("MKT", 2520)
    made = Fills("close", 3, 7.0).simulator()
    assert (made.fill, made.delay, made.costs.half_spread_bps) == ("close", 3, 7.0)
    with pytest.raises(UsageError, match="--delay 0"):
        Fills(delay=0).simulator()
    assert Fills(delay=0).simulator(allow_lookahead=True).delay == 0
