"""Every documented Python block is a program that runs, and prints what the text says."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def programs() -> list[tuple[str, str]]:
    return [
        (f"{page.name}-{i}", text)
        for page in PAGES
        for i, text in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")))
        if "import " in text
    ]


@pytest.mark.parametrize("program", [t for _, t in programs()], ids=[n for n, _ in programs()])
def test_blocks_run(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that starts processes is one itself; the others run in this process."""
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "block.py"
    script.write_text(program, "utf-8")
    if "__main__" not in program:
        runpy.run_path(str(script), run_name="__main__")
        return
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_readme_shows_the_example_and_its_real_output() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    example = (ROOT / "examples" / "hello.py").read_text(encoding="utf-8")
    code = example.split('"""\n\n', 1)[1]
    assert code in readme
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "hello.py")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    shown = readme.split(code, 1)[1].split("```text\n", 1)[1].split("```", 1)[0]
    assert done.stdout.strip() == shown.strip()


def test_pages_name_no_file_that_is_absent() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
