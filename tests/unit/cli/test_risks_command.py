"""``tiltwise risks`` and the risks of a report, and the notice that all of it is research."""

import json
import re
from collections.abc import Callable
from importlib import metadata
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tiltwise import Market
from tiltwise.cli.commands import risks
from tiltwise.experiment.recorded_run import RecordedRun
from tiltwise.report.components.disclaimer import NOTICE
from tiltwise.report.components.document import document
from tiltwise.research.risk.register import RISKS

Command = Callable[..., tuple[int, str, str]]
LEVERED = '''
import dataclasses

import pandas as pd
from tiltwise import DAILY, Decision, Schedule, Strategy


@dataclasses.dataclass(frozen=True)
class Levered(Strategy):
    """Thirty times the first asset, never put back."""

    universe: tuple[str, ...] = ()
    lookback: int | None = 300
    decide_on: Schedule = DAILY

    def decide(self, model, past, held):
        if held.abs().sum() > 0.0:
            return Decision.hold({})
        weights = pd.Series(0.0, past.prices.columns)
        weights.iloc[0] = 30.0
        return Decision(weights, {})
'''


def recorded(tiltwise: Command, recipe: str, *words: str) -> dict:
    code, out, err = tiltwise("run", recipe, "--data", "synthetic:3", *words, "-q", "--json")
    assert code == 0, err
    return json.loads(out)


def test_the_risks_of_a_run_are_shown(tiltwise: Command) -> None:
    """3.32, 3.33: on the terminal, as JSON and in the report, from one record."""
    words = ("--start", "2007-01-03", "--end", "2009-12-31")
    run = recorded(tiltwise, "inverse_volatility", *words)
    code, out, _ = tiltwise("risks", run["run_id"][:8], "--json")
    assert code == 0
    told = json.loads(out)
    beyond = [line for line in told["risks"] if line["verdict"] == "watch"]
    assert run["risks"] == {"ruin": False, "counts": told["counts"], "beyond": beyond}
    assert told["run_id"] == run["run_id"]
    assert {line["risk"] for line in told["risks"]} == set(RISKS)
    daily, monthly = told["stress"]
    assert daily["months"] == monthly["months"] == 36
    assert len(daily["worst"]) == len(monthly["worst"]) == 4
    assert daily["difference"] == pytest.approx(daily["inside"] - daily["outside"], abs=1e-15)
    for found in (daily, monthly):
        assert found["baseline_low"] < found["baseline"] < found["baseline_high"]
    code, out, _ = tiltwise("risks", run["run_id"])
    assert code == 0
    for name in RISKS:
        assert re.search(rf"│ {name} +│", out), name
    assert f"risks: {told['counts']['watch']} beyond their limit" in out
    page = Path(run["files"]["report"]).read_text("utf-8")
    section = page[page.index('<section id="risks"') :].split("</section>", 1)[0]
    assert section.count("<tr>") == len(told["risks"]) + 1
    assert 'class="alarm' not in section
    assert 'class="verdict ruin"' not in section
    recorded(tiltwise, "inverse_volatility", *words)
    again = json.loads(tiltwise("risks", run["run_id"], "--json")[1])
    lines = [line["value"] for line in again["risks"] if line["risk"] == "technology"]
    assert lines[0] == 2  # the same bytes were recorded twice


def test_ruin_is_red(tiltwise: Command, tmp_path: Path) -> None:
    """3.31: in the page by role and word, on a terminal by colour, in JSON by a flag."""
    source = tmp_path / "levered.py"
    source.write_text(LEVERED)
    run = recorded(tiltwise, f"{source}:Levered", "--start", "2007-01-03")
    assert run["ruined"]
    assert run["risks"]["ruin"]
    lost = [line for line in run["risks"]["beyond"] if line["verdict"] == "ruin"]
    assert {"leverage", "black swan"} <= {line["risk"] for line in lost}
    page = Path(run["files"]["report"]).read_text("utf-8")
    section = page[page.index('<section id="risks"') :].split("</section>", 1)[0]
    assert section.count('class="verdict ruin"') == len(lost)
    assert section.count('<p class="alarm ruined" role="note"><b>Ruin.</b>') == 1
    assert f"lost everything on {run['ruined']}" in section
    assert ".risks tr:has(.ruin)" in page
    assert "--ruin: #b3261e;" in page
    found = RecordedRun.open(run["run_id"], Path(run["files"]["report"]).parents[1]).risks
    out = StringIO()
    console = Console(file=out, force_terminal=True, width=240, color_system="standard")
    console.print(risks.table(found))
    assert len(re.findall(r"\x1b\[1;31mruin *\x1b\[0m", out.getvalue())) == len(lost)
    assert f"risks: {len(lost)} of RUIN" in tiltwise("risks", run["run_id"])[1]


def test_errors_are_those_of_other_commands(tiltwise: Command) -> None:
    """3.32: an unknown run, and one recorded by a sweep, exit with 2 and say what to do."""
    code, _, err = tiltwise("risks", "ffff")
    assert code == 2
    assert "it means 0" in err
    words = (
        "--data",
        "synthetic:3",
        "--start",
        "2008-01-02",
        "--end",
        "2008-12-31",
        "-q",
        "--json",
    )
    code, _, err = tiltwise("sweep", "inverse_volatility", "--grid", "lookback=64,128", *words)
    assert code == 0, err
    ledger = json.loads(tiltwise("ledger", "list", "--json")[1])
    code, _, err = tiltwise("risks", ledger[0]["id"])
    assert code == 2
    assert "record it with `tiltwise run`" in err


def test_the_notice_is_in_the_package_and_on_every_page(tiltwise: Command) -> None:
    """3.49, 4.63: no advice, no warranty, the MIT licence: in help, pages and the distribution."""
    assert "research only" in NOTICE
    assert "no investment advice" in NOTICE
    assert "no warranty" in NOTICE
    assert "MIT licence" in NOTICE
    code, out, _ = tiltwise("--help")
    assert code == 0
    assert NOTICE in " ".join(out.split())
    page = document("any page", "<header></header>", [], "<p>own words</p>")
    footer = page[page.index("<footer>") : page.index("</footer>")]
    assert footer == f"<footer><p>own words</p><p>{NOTICE}</p>"
    about = metadata.distribution("tiltwise")
    assert about.metadata["License-Expression"] == "MIT"
    assert about.metadata.get_all("License-File") == ["LICENSE"]
    licence = next(file for file in about.files or () if file.name == "LICENSE")
    assert licence.read_text().startswith("MIT License\n")


def test_synthetic_markets_have_volumes_or_say_so(tiltwise: Command) -> None:
    """3.32: liquidity is a number where volumes are known and a limitation where they are not."""
    volumes = Market.synthetic(3).volumes is not None
    run = recorded(tiltwise, "equal_weight", "--start", "2008-01-02", "--end", "2008-12-31")
    told = json.loads(tiltwise("risks", run["run_id"], "--json")[1])
    lines = [line for line in told["risks"] if line["risk"] == "liquidity"]
    assert (lines[0]["verdict"] != "limitation") == volumes
