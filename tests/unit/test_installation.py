"""Licence, requirements and installation instructions say one thing everywhere (0.44)."""

import ast
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
ABOUT = PROJECT["project"]
README = (ROOT / "README.md").read_text("utf-8")
OLDEST, NEWEST = (3, 11), (3, 13)
NAMED_OTHERWISE = {"exchange_calendars": "exchange-calendars", "sklearn": "scikit-learn",
                   "xgboost": "xgboost-cpu"}  # fmt: skip


def test_one_licence() -> None:
    """0.44: the text, the metadata and the README name the MIT licence."""
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert text.startswith("MIT License\n\nCopyright (c) ")
    assert "WITHOUT WARRANTY OF ANY KIND" in text
    assert (ABOUT["license"], ABOUT["license-files"]) == ("MIT", ["LICENSE"])
    assert "MIT licence" in README
    assert metadata.metadata("tiltwise")["License-Expression"] == "MIT"


def test_one_range_of_pythons() -> None:
    """0.44: 3.11 is the oldest Python, for pip, the readme, the linter, the types and make."""
    lowest, highest = (f"{a}.{b}" for a, b in (OLDEST, NEWEST))
    above = f"{NEWEST[0]}.{NEWEST[1] + 1}"
    assert ABOUT["requires-python"] == f">={lowest},<{above}"
    named = [c.rpartition(" ")[2] for c in ABOUT["classifiers"] if "Python :: 3." in c]
    assert named == [f"3.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)]
    assert f"Python {lowest} to {highest}" in README
    assert not re.search(rf"Python (?!{lowest}|{highest})3\.\d", README)
    assert PROJECT["tool"]["mypy"]["python_version"] == lowest
    assert PROJECT["tool"]["ruff"]["target-version"] == "py311"
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert "sys.version_info < (3, 11)" in makefile
    assert OLDEST <= sys.version_info[:2] <= NEWEST


def test_the_readme_says_how_to_install() -> None:
    """0.44: with make from a clone, and with pip; extras that it names exist."""
    section = README.split("## Install\n", 1)[1].split("\n## ", 1)[0]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"^\$ make (\w+)", section, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    assert {"run", "test"} <= set(re.findall(r"\$ make (\w+)", section))
    named = set(re.findall(r"tiltwise\[(\w+)\]", section))
    assert named
    assert named <= set(ABOUT["optional-dependencies"])
    assert ABOUT["readme"] == "README.md"
    assert ABOUT["scripts"]["tiltwise"] == "tiltwise.cli:main"


def test_everything_that_is_imported_is_required() -> None:
    """0.44: an import of the package is of the standard library, a requirement or an extra."""
    extras = [text for group in ABOUT["optional-dependencies"].values() for text in group]
    required = {_name(text) for text in [*ABOUT["dependencies"], *extras]}
    absent = set()
    for path in (ROOT / "src").rglob("*.py"):
        for top in _imported(ast.parse(path.read_text("utf-8"))):
            if top != "tiltwise" and top not in sys.stdlib_module_names:
                absent |= {NAMED_OTHERWISE.get(top, top)} - required
    assert not absent


def test_the_environment_meets_the_requirements() -> None:
    """0.44: what is installed here is at least what is asked for."""
    for text in ABOUT["dependencies"]:
        least = tuple(int(part) for part in text.partition(">=")[2].split("."))
        found = metadata.version(_name(text)).split(".")
        assert tuple(int(part) for part in found[: len(least)]) >= least, text


def _name(requirement: str) -> str:
    return re.split(r"[<>=\[; ]", requirement)[0].lower()


def _imported(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found
