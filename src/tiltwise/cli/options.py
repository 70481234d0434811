"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        help="store, CSV or Parquet file, sample:stocks (default), sample:factors, synthetic:SEED",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="print one JSON value on stdout")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="no progress, no remarks")]
Benchmark = Annotated[str | None, typer.Option(help="asset compared with, not held by default")]
Calendar = Annotated[str | None, typer.Option(help='exchange code, or "rows" for the rows present')]
Universe = Annotated[str | None, typer.Option(help='"all" or assets A,B,C; default: the recipe\'s')]
Settings = Annotated[list[str] | None, typer.Option("--set", help="a field of the strategy: k=v")]
Config = Annotated[Path | None, typer.Option(help="tiltwise.toml: where things are")]
Folder = Annotated[Path | None, typer.Option(help="where results go; default .tiltwise")]
Jobs = Annotated[int | None, typer.Option(min=1, help="workers; results do not depend on it")]
Seed = Annotated[int, typer.Option(help="of whatever is drawn at random")]
Recipe = Annotated[str, typer.Argument(help="a recipe, or path/to/file.py:Class")]
Start = Annotated[
    str | None, typer.Option(help="first decision; default: as early as the data allow")
]
End = Annotated[str | None, typer.Option(help="last session; default: the newest")]
Grid = Annotated[
    list[str] | None, typer.Option("--grid", help="k=v1,v2,...: every combination is a trial")
]
Space = Annotated[
    list[str] | None,
    typer.Option("--space", help="k=.1,.2 or k=1..3 or k=2:18 or k=5:150:log:8 or k=other*1:4"),
]
Fill = Annotated[str | None, typer.Option(help="open or close; default: what the data allow")]
Delay = Annotated[int | None, typer.Option(min=0, help="first earning session after the decision")]
CostBps = Annotated[
    float | None, typer.Option("--cost-bps", min=0, help="half-spread per side; default 2")
]
CommissionBps = Annotated[
    float | None, typer.Option("--commission-bps", min=0, help="commission per side; default 0")
]
Rates = Annotated[str | None, typer.Option(help="FILE:COLUMN, or FILE:COLUMN% for percent")]
Macro = Annotated[str | None, typer.Option(help="FRED-MD, daily, records: FILE,FILE")]
Factors = Annotated[str | None, typer.Option(help="decimal factor returns by date")]
