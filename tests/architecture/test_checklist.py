"""The checklist holds every capability once, and a `done` points at a test that asserts."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COUNTS = {"0": 44, "1": 18, "2": 45, "3": 49, "4": 63, "H": 17}  # 236 capabilities
FIELDS = {"id", "text", "flag", "status", "test", "command", "adr"}

CAPABILITIES = tomllib.loads((ROOT / "tests" / "checklist.toml").read_text(encoding="utf-8"))[
    "capability"
]


def find_test(node_id, root):
    """The function a node id names (`path::name` or `path::Class::name`), or None."""
    path, *names = node_id.partition("[")[0].split("::")
    file = root / path
    if not names or not file.is_file():
        return None
    scope = ast.parse(file.read_text(encoding="utf-8"))
    for name in names:
        inside = {node.name: node for node in ast.iter_child_nodes(scope) if hasattr(node, "name")}
        if name not in inside:
            return None
        scope = inside[name]
    is_test = isinstance(scope, ast.FunctionDef) and scope.name.startswith("test")
    return scope if is_test else None


def asserts(function):
    """Whether a test can fail by its own words: assert, pytest.raises, or an assert_ helper."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in {"pytest.raises", "pytest.warns"}:
                return True
            if called.rpartition(".")[2].startswith("assert_"):
                return True
    return False


def faults(entry, root):
    """What is wrong with one capability."""
    if set(entry) != FIELDS or not entry["text"] or entry["flag"] not in set("SFCH"):
        yield f"its fields must be {sorted(FIELDS)}, with a text and a flag"
    elif entry["status"] == "done":
        if not entry["test"]:
            yield "done without a test"
        for node_id in entry["test"].split():
            function = find_test(node_id, root)
            if function is None:
                yield f"there is no test {node_id}"
            elif not asserts(function):
                yield f"the test {node_id} asserts nothing"
    elif entry["status"] == "declined":
        if not entry["adr"] or not (root / entry["adr"]).is_file():
            yield f"declined without a record ({entry['adr']!r})"
    elif entry["status"] != "open":
        yield f"unknown status {entry['status']!r}"


def test_every_capability_is_there_once():
    expected = [f"{group}.{n:02}" for group, count in COUNTS.items() for n in range(1, count + 1)]
    assert len(expected) == 236
    assert [entry["id"] for entry in CAPABILITIES] == expected


def test_each_status_is_earned():
    found = [f"{entry['id']}: {fault}" for entry in CAPABILITIES for fault in faults(entry, ROOT)]
    assert not found, "\n".join(found)


@pytest.fixture
def house(tmp_path):
    (tmp_path / "adr").mkdir()
    (tmp_path / "adr" / "0001-no.md").write_text("no")
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "def test_good(): assert 1\n"
        "def test_raises():\n    with pytest.raises(ValueError):\n        int('x')\n"
        "def test_helper(): np.testing.assert_allclose(1, 1)\n"
        "def test_empty(): print('fine')\n"
        "def helper(): assert 1\n"
        "class TestIt:\n    def test_inside(self): assert 1\n"
    )
    return tmp_path


def entry(**fields):
    return {
        "id": "0.01",
        "text": "a — b",
        "flag": "S",
        "status": "open",
        "test": "",
        "command": "",
        "adr": "",
        **fields,
    }


@pytest.mark.parametrize(
    "good",
    [
        {},
        {"status": "done", "test": "test_it.py::test_good test_it.py::test_raises"},
        {"status": "done", "test": "test_it.py::test_helper"},
        {"status": "done", "test": "test_it.py::TestIt::test_inside[a-b]"},
        {"status": "declined", "adr": "adr/0001-no.md"},
    ],
)
def test_an_earned_status_passes(house, good):
    assert list(faults(entry(**good), house)) == []


@pytest.mark.parametrize(
    "bad",
    [
        {"status": "done"},
        {"status": "done", "test": "test_it.py::test_gone"},
        {"status": "done", "test": "test_gone.py::test_good"},
        {"status": "done", "test": "test_it.py"},
        {"status": "done", "test": "test_it.py::test_empty"},
        {"status": "done", "test": "test_it.py::helper"},
        {"status": "done", "test": "test_it.py::test_inside"},
        {"status": "declined"},
        {"status": "declined", "adr": "adr/0002-gone.md"},
        {"status": "nearly"},
        {"flag": "X"},
        {"note": "more"},
    ],
)
def test_an_unearned_status_fails(house, bad):
    assert len(list(faults(entry(**bad), house))) == 1
