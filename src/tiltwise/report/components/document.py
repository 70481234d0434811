"""HTML document of a page: markup, style, data and the Plotly bundle in one file."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tiltwise.errors import MissingData
from tiltwise.report.components import theme
from tiltwise.report.components.disclaimer import NOTICE
from tiltwise.report.components.section import Figure, Section
from tiltwise.report.components.text import escape, slug

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'"
)
"""Content security policy: even a mistake in this package cannot make the page fetch anything."""

SHARED_COLUMN = 64
"""Length from which equal lists (session dates above all) are stored once per page."""


def document(title: str, header: str, sections: Sequence[Section], footer: str) -> str:
    """Complete page. `title` is plain text; `header` and `footer` are trusted markup.

    Every page ends with the notice that it is for research only.

    Raises
    ------
    ValueError
        Two sections or two figures share an identifier.
    """
    anchors = [section.anchor or slug(section.title) for section in sections]
    figures = [figure for section in sections for figure in section.figures]
    _unique("section", anchors)
    _unique("figure", [figure.key for figure in figures])
    links = "".join(
        f'<a href="#{anchor}">{escape(section.title)}</a>'
        for anchor, section in zip(anchors, sections, strict=True)
    )
    body = "".join(map(_section, anchors, sections))
    script = files("tiltwise.report.assets").joinpath("page.js").read_text("utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>\n{theme.css()}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#content">Skip to content</a>\n{header}\n'
        f'<div class="bar"><nav aria-label="Sections">{links}</nav>'
        '<button type="button" id="theme" hidden>Dark</button></div>\n'
        f'<main id="content">\n{body}</main>\n<footer>{footer}<p>{escape(NOTICE)}</p></footer>\n'
        f'<script type="application/json" id="data">{_data(figures)}</script>\n'
        f"<script>{plotly_js()}</script>\n<script>\n{script}</script>\n</body>\n</html>\n"
    )


@cache
def plotly_js() -> str:
    """Text of the browser bundle that the plotly package carries; plotly itself is not imported.

    Raises
    ------
    MissingData
        The installed plotly package has no bundle.
    """
    spec = find_spec("plotly")
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        bundle = Path(folder) / "package_data" / "plotly.min.js"
        if bundle.is_file():
            # A closing tag inside a string would end the script element early.
            return bundle.read_text("utf-8").replace("</script", "<\\/script")
    raise MissingData("plotly/package_data/plotly.min.js is absent: reinstall plotly")


def _unique(what: str, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what} identifiers occur twice on one page: {', '.join(twice)}")


def _section(anchor: str, section: Section) -> str:
    lead = f'<p class="lead">{escape(section.lead)}</p>' if section.lead else ""
    figures = "".join(map(_figure, section.figures))
    grid = f'<div class="grid">{figures}</div>' if figures else ""
    return (
        f'<section id="{anchor}" aria-labelledby="{anchor}-title">'
        f'<h2 id="{anchor}-title">{escape(section.title)}</h2>'
        f"{lead}{section.html}{grid}{section.after}</section>\n"
    )


def _figure(figure: Figure) -> str:
    choices = ""
    if len(figure.choices) > 1:
        buttons = "".join(
            f'<button type="button" data-choice="{i}" aria-pressed="{str(i == 0).lower()}">'
            f"{escape(choice.label)}</button>"
            for i, choice in enumerate(figure.choices)
        )
        choices = f'<div class="choices" role="group" aria-label="View">{buttons}</div>'
    return (
        f'<figure class="{"wide" if figure.wide else "half"}" data-figure="{escape(figure.key)}">'
        f'<div class="head"><h3>{escape(figure.title)}</h3>{choices}</div>'
        '<div class="legend" role="group" aria-label="Series"></div>'
        f'<div class="plot" role="img" aria-label="{escape(figure.alt)}" '
        f'data-height="{figure.height:d}" style="height:{figure.height:d}px"></div>'
        f"<figcaption>{escape(figure.caption)}</figcaption></figure>"
    )


def _data(figures: Iterable[Figure]) -> str:
    columns: dict[str, list[Any]] = {}
    drawn = {}
    for figure in figures:
        record = {
            "data": list(figure.data),
            "layout": dict(figure.layout),
            "choices": [asdict(choice) for choice in figure.choices],
        }
        drawn[figure.key] = record
    counts: dict[str, int] = {}
    _count(drawn, counts)
    shared = _share(drawn, counts, columns)
    store = {"template": theme.template(), "columns": list(columns.values()), "figures": shared}
    text = json.dumps(store, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # Inside a script element only these could end it or open a comment.
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _count(part: Any, counts: dict[str, int]) -> None:
    if isinstance(part, dict):
        for inner in part.values():
            _count(inner, counts)
    elif isinstance(part, list):
        if len(part) >= SHARED_COLUMN:
            key = json.dumps(part)
            counts[key] = counts.get(key, 0) + 1
        else:
            for inner in part:
                _count(inner, counts)


def _share(part: Any, counts: dict[str, int], columns: dict[str, list[Any]]) -> Any:
    """Copy of `part` in which long lists that occur more than once point into `columns`."""
    if isinstance(part, dict):
        return {name: _share(inner, counts, columns) for name, inner in part.items()}
    if not isinstance(part, list):
        return part
    if len(part) < SHARED_COLUMN:
        return [_share(inner, counts, columns) for inner in part]
    key = json.dumps(part)
    if counts[key] == 1:
        return part
    columns.setdefault(key, part)
    return {"$column": list(columns).index(key)}


def save(path: Path, page: str) -> Path:
    """Write a page and return its path; a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(page, encoding="utf-8")
    part.replace(path)
    return path
