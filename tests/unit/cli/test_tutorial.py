"""The tutorial: its commands run without a network and print the numbers it shows (1.17)."""

import json
import re
import shlex
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tiltwise import Ledger

Command = Callable[..., tuple[int, str, str]]
PAGE = (Path(__file__).resolve().parents[3] / "docs" / "tutorial.md").read_text("utf-8")
COMMANDS = [shlex.split(line) for line in re.findall(r"^\$ tiltwise (.+)$", PAGE, re.MULTILINE)]


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the tutorial reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("offline")
def test_the_tutorial_runs_as_it_stands(tiltwise: Command) -> None:
    """1.17: small data, forgiving settings, one command each; finished, and its numbers exist."""
    assert [words[0] for words in COMMANDS] == ["run", "sweep", "vault", "vault"]
    printed = []
    for words in COMMANDS:
        code, out, err = tiltwise(*words)
        assert (code, err) == (0, "")
        printed.append(out)
    shown = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)[0].split()
    assert len(shown) == 8
    told = " ".join(re.sub("[│┃]", " ", printed[0]).split())
    for name, *numbers in (shown[:4], shown[4:]):
        assert " ".join([name, *numbers]) in told
    assert len(Ledger(".tiltwise").runs()) == 3  # the first is a trial of the sweep; and the score
    assert "best of 2 trials counted in this ledger" in printed[1]
    assert "vault opened 0 times" in printed[3]
    sharpe = next(row for row in printed[3].splitlines() if row.startswith("│ sharpe"))
    low, high = map(float, re.findall(r"\((\S+) to (\S+)\)", sharpe)[0])
    assert low < high


@pytest.mark.usefixtures("offline")
def test_one_command_is_a_whole_result(tiltwise: Command) -> None:
    """1.17: the first command leaves a finished run, its report and every main number."""
    code, out, _ = tiltwise(*COMMANDS[0], "--json")
    told = json.loads(out)
    assert code == 0
    assert told["sessions"] > 500
    for name in ("sharpe", "gross_sharpe", "cagr", "max_drawdown"):
        found = told["metrics"][name]
        assert found["low"] < found["value"] < found["high"]
    assert Path(told["files"]["report"]).stat().st_size > 10_000
