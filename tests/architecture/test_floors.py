"""Imports go down the floors only: never up, never sideways, never relative."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "tiltwise"
FLOORS = (
    ("errors", "version"),
    ("calendar", "kernels"),
    ("market", "ledger"),
    ("features",),
    ("models", "portfolio"),
    ("strategy",),
    ("overlays",),
    ("recipes",),
    ("backtest",),
    ("evaluate", "lookahead"),
    ("research",),
    ("report",),
    ("experiment",),
    ("claims", "sources", "pipeline"),
    ("desk",),
    ("dashboard",),
    ("cli",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
ROOF = {"__init__", "__main__"}  # the public names and `python -m`: they may see every room
NETWORK = {"aiohttp", "http", "httpx", "requests", "socket", "urllib", "urllib3", "yfinance"}
MAY_CONNECT = {"sources", "dashboard"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(path, package=PACKAGE):
    parts = path.relative_to(package).with_suffix("").parts
    return parts[0]


def imported(tree):
    """Every module that a module imports, at its top, in a function or by name, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or ""), node.lineno
            if node.module == "tiltwise" and not node.level:
                for alias in node.names:
                    yield f"tiltwise.{alias.name}", node.lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant):
                    yield str(argument.value), node.lineno


def faults(source, room):
    """What is wrong with the imports of one module of a room."""
    if room not in FLOOR:
        yield f"the room {room!r} has no floor: give it one in the table and in ARCHITECTURE.md"
        return
    for name, line in imported(ast.parse(source)):
        head, *rest = name.split(".")
        if head == "":
            yield f"line {line}: relative import {name}"
        elif head in NETWORK and room not in MAY_CONNECT:
            yield f"line {line}: {room} may not reach the network ({name})"
        elif head == "tiltwise" and rest and rest[0] != room:
            if rest[0] not in FLOOR:
                yield f"line {line}: {name} is no room; import from the module that defines it"
            elif FLOOR[rest[0]] >= FLOOR[room]:
                yield (
                    f"line {line}: {room} (floor {FLOOR[room]}) imports {name} "
                    f"(floor {FLOOR[rest[0]]}); move the shared part down"
                )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path):
    room = room_of(path)
    if room in ROOF:
        return
    found = list(faults(path.read_text(encoding="utf-8"), room))
    assert not found, "\n".join([f"{path}:", *found])


def test_there_is_a_package():
    assert PACKAGE / "calendar.py" in MODULES
    assert room_of(PACKAGE / "calendar.py") == "calendar"
    assert room_of(PACKAGE / "market" / "market.py") == "market"


@pytest.mark.parametrize(
    ("room", "source", "fault"),
    [
        ("market", "from tiltwise.strategy import Decision", "floor 5"),
        ("market", "import tiltwise.ledger", "floor 2"),
        ("features", "def f():\n    from tiltwise.models import factors", "line 2"),
        ("market", "import importlib\nimportlib.import_module('tiltwise.cli')", "floor 16"),
        ("market", "from . import panel", "relative"),
        ("cli", "from ..market import panel", "relative"),
        ("cli", "from tiltwise import Market", "no room"),
        ("cli", "from tiltwise import __version__", "no room"),
        ("attic", "import numpy", "'attic' has no floor"),
        ("market", "import urllib.request", "network"),
    ],
)
def test_a_fault_is_found(room, source, fault):
    assert [fault in text for text in faults(source, room)] == [True]


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("market", "from tiltwise.calendar import Calendar\nfrom tiltwise.market import panel"),
        ("cli", "from tiltwise.market import market"),
        ("cli", "from tiltwise import market"),
        ("evaluate", "from tiltwise.version import __version__"),
        ("sources", "import urllib.request"),
    ],
)
def test_going_down_is_no_fault(room, source):
    assert list(faults(source, room)) == []
