"""The command line as a user meets it."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tiltwise import cli

Answer = tuple[int, str, str]


@pytest.fixture
def typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Answer]:
    """Run a command where we are; returns exit code, stdout, stderr."""

    def call(*words: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["tiltwise", *words])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def tiltwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, typed: Callable[..., Answer]
) -> Callable[..., Answer]:
    """Run a command in an empty folder; returns exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    return typed
