"""No module imports itself through others: at its top, in a function, or for types alone."""

import ast
import graphlib
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"


def name_of(path, src=SRC):
    parts = path.relative_to(src).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source, known):
    """Modules among `known` that a module names in an import statement, wherever it stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in known or node.module in known:
                    yield inner if inner in known else str(node.module)


def graph_of(sources):
    """Modules that each module imports."""
    return {name: set(imports(source, sources)) - {name} for name, source in sources.items()}


def cycle(graph):
    """The modules of one cycle, the first again at the end; empty where there is none."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def package():
    return {name_of(path): path.read_text("utf-8") for path in sorted(SRC.rglob("*.py"))}


def test_no_module_imports_itself_through_others():
    graph = graph_of(package())
    assert "tiltwise.market.market" in graph["tiltwise.market.store"]  # the probe sees imports
    # The hooks of the contract of a system name the type of the run that they are given.
    graph["tiltwise.claims.system"].discard("tiltwise.claims.engine.card_run")
    found = cycle(graph)
    assert not found, " <- ".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "import a",
        "from a import x",
        "def f():\n    from a import x",
        "if TYPE_CHECKING:\n    from a import x",
    ],
)
def test_a_cycle_is_found(source):
    assert cycle(graph_of({"a": "import b", "b": source}))
    assert not cycle(graph_of({"a": "import b", "b": "import c", "c": ""}))
