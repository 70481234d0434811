"""The map in ARCHITECTURE.md lists exactly the rooms of the package."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "tiltwise"
ENTRY = re.compile(r"^[\s|│├└─`*-]*([a-z_]+(?:\.py|/))(?=[\s`|*]|$)")


def rooms_of(package):
    modules = {path.name for path in package.glob("*.py") if not path.name.startswith("__")}
    folders = {f"{path.parent.name}/" for path in package.glob("*/*.py")}
    return modules | folders


def rooms_listed(text):
    """Names at the start of a line in a fenced block or a table."""
    listed, fenced = [], False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.lstrip().startswith("|"):
            match = ENTRY.match(line)
            if match:
                listed.append(match.group(1))
    return listed


def test_the_map_lists_the_rooms():
    listed = rooms_listed((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    beside = {f"{path.name}/" for path in ROOT.iterdir() if path.is_dir()}
    rooms = rooms_of(PACKAGE)
    named = [name for name in listed if name in rooms or name not in beside]
    assert sorted(named) == sorted(rooms), "ARCHITECTURE.md and src/tiltwise disagree"


def test_the_map_is_short():
    assert len((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines()) < 100


def test_lines_are_read():
    text = """
    calendar.py in prose is not listed
    ```
    src/tiltwise/
      errors.py    the tree
      ├── market/  prices   panel.py
    ```
    | `kernels/` | arrays |
    | room | what |
    """
    assert rooms_listed(text) == ["errors.py", "market/", "kernels/"]
