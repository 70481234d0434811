"""Parts of a page: sections of text, tables and figures, in any number and order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Trace = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """One state of a figure that the reader can switch to; the first of a figure is shown first.

    `layout` holds changes by dotted path (``{"yaxis.type": "log"}``). `traces` are the positions of
    the traces to show; None shows all.
    """

    label: str
    layout: Mapping[str, Any] = field(default_factory=dict)
    traces: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Figure:
    """Plotly figure with title, caption and alternative text, all plain and escaped by the page.

    `key` is unique in a page and made of ``a-z 0-9 -``. `alt` describes the plot in one sentence
    for readers who cannot see it. Colours are roles of `tiltwise.report.components.theme`.
    Texts inside `data` pass through `tiltwise.report.components.text.plot_text`, since Plotly reads
    them as markup.
    """

    key: str
    title: str
    data: tuple[Trace, ...]
    layout: Mapping[str, Any]
    alt: str
    caption: str = ""
    height: int = 300
    wide: bool = True
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True)
class Section:
    """A part of the page under one heading: lead, then `html`, then figures, then `after`.

    `title` and `lead` are plain text; `anchor` is the identifier of the heading, by default a slug
    of the title. `html` and `after` are trusted markup: whoever makes them
    has escaped what came from outside.
    """

    title: str
    html: str = ""
    figures: tuple[Figure, ...] = ()
    lead: str = ""
    after: str = ""
    anchor: str = ""
