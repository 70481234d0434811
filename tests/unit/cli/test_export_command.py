"""Three commands on a folder, and what they say (0.02, 0.03, 0.40)."""

import json

import pytest
from typer.testing import CliRunner

import claims_demo
from tiltwise.cli.commands.export import export
from tiltwise.errors import MissingData

run = CliRunner()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with prices, in which all three commands ran once."""
    where = tmp_path_factory.mktemp("commands")
    claims_demo.prices().to_csv(where / "funds.csv")
    return where


@pytest.fixture(scope="module")
def said(folder):
    out = str(folder / "out")
    words = {
        "returns": ["--data", str(folder / "funds.csv"), "--folder", out],
        "residuals": ["--from", out],
        "experiments": ["--from", out, "--folder", str(folder / "ledger"), "--quiet"],
    }
    return {name: run.invoke(export, [name, *rest]) for name, rest in words.items()}


def test_each_command_says_what_it_wrote(folder, said):
    assert [r.exit_code for r in said.values()] == [0, 0, 0]
    returns, residuals, experiments = (r.stdout for r in said.values())
    assert "1194 returns of 9 assets and SPY, 2012-01-04 to 2016-09-30" in returns
    assert "0 rows dropped" in returns
    assert "60 undefined; excess kurtosis" in residuals
    assert "best of 22 (head)" in experiments
    assert "2 folds, 1 complete; 74 strategies" in experiments
    named = {word for text in (returns, residuals, experiments) for word in text.split()}
    for path in (folder / "out").iterdir():
        assert any(word.strip(",") == str(path) for word in named), path.name
    page = (folder / "out" / "evidence.html").read_text("utf-8")
    assert "funds.csv" in page
    assert str(folder) not in page


def test_json_is_one_value(folder, said):
    found = run.invoke(export, ["residuals", "--from", str(folder / "out"), "--json"])
    assert json.loads(found.stdout)["scree"]["factors"] == 3
    words = ["--data", str(folder / "funds.csv"), "--end", "2013-12-31", "--json"]
    found = run.invoke(export, ["returns", "--folder", str(folder / "short"), *words])
    assert json.loads(found.stdout)["last"] == "2013-12-31"


def test_a_command_alone_says_what_it_needs(tmp_path):
    found = run.invoke(export, ["experiments", "--from", str(tmp_path), "--quiet"])
    assert isinstance(found.exception, MissingData)
    assert "tiltwise export returns --folder" in str(found.exception)
