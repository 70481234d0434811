"""A user can reach every module: through the package, a folder, an example or a page."""

import ast
import re
from pathlib import Path

from test_cycles import graph_of, imports, package

ROOT = Path(__file__).parents[2]
FOLDERS = ("tiltwise.recipes.", "tiltwise.cli.commands.", "tiltwise.claims.systems.")
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def programs(root=ROOT):
    """Every program that a test runs: the examples, and the blocks of the README and the docs."""
    for page in (root / "README.md", *sorted((root / "docs").glob("*.md"))):
        yield from (block for block in BLOCK.findall(page.read_text("utf-8")) if "import " in block)
    yield from (path.read_text("utf-8") for path in sorted((root / "examples").glob("*.py")))


def public(source):
    """Modules that the public names are loaded from."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Dict):
            for value in node.values:
                if isinstance(value, ast.Constant):
                    yield f"tiltwise.{value.value}"


def holds_nothing(source):
    """Whether a module is its docstring alone."""
    return all(isinstance(node, ast.Expr) for node in ast.parse(source).body)


def unreachable(sources, shown):
    """Modules that no other module imports, no folder finds and no program shows."""
    imported = {name for names in graph_of(sources).values() for name in names}
    imported |= {name for program in shown for name in imports(program, sources)}
    imported |= {name for name in public(sources["tiltwise"]) if name in sources}
    packages = {name.rpartition(".")[0] for name in sources}  # run by any import from inside
    empty = {name for name, source in sources.items() if holds_nothing(source)}
    return sorted(
        name
        for name in set(sources) - imported - packages - empty
        if not name.startswith(FOLDERS) and not name.endswith("__main__")
    )


def test_every_module_is_reachable():
    assert not unreachable(package(), programs()), "show it in docs/library.md, or remove it"


def test_a_lost_module_is_found():
    sources = {"tiltwise": "", "tiltwise.a": "import tiltwise.b", "tiltwise.b": ""}
    assert unreachable(sources, []) == ["tiltwise.a"]
    assert unreachable(sources, ["from tiltwise import a"]) == []
    assert unreachable({**sources, "tiltwise.recipes.mine": ""}, ["import tiltwise.a"]) == []
