"""The command line in this process, for worlds that outlive one test."""

import contextlib
import io
import sys
from pathlib import Path

import pytest

from tiltwise import cli

Answer = tuple[int, str, str]


def run_main(*words: str, folder: Path) -> Answer:
    """Run a command in a folder; returns exit code, stdout, stderr."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["tiltwise", *words])
        try:
            cli.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
    return code, out.getvalue(), err.getvalue()
