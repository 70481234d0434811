"""A replica of a synthetic benchmark, made by the command once for all tests."""

from pathlib import Path

import pytest

import worlds
from command_line import Answer, run_main

GIVEN = ["--data", "synthetic:3", "--set", "grid=middle", "--start", "2006-09-01"]
GIVEN += ["--end", "2007-06-29"]


def replicated(factory: pytest.TempPathFactory) -> tuple[Path, Answer]:
    """Return a working folder, its files in `whole`, and what was printed."""
    return worlds.once(factory, "replica", _replicate)


def _replicate(folder: Path) -> Answer:
    return run_main("replicate", "--folder", "whole", *GIVEN, "-q", folder=folder)
