"""``tiltwise new``: the first file of a strategy of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from tiltwise.cli import console
from tiltwise.cli.exit_codes import UsageError
from tiltwise.cli.options import Json

TEMPLATE = '''"""{title}: say in one line what it holds and why.

    score[i,t] = the equation

Source: where the idea comes from. Departures: none.
"""

import dataclasses

import pandas as pd

from tiltwise import MONTHLY, Decision, Market, Schedule, Strategy


@dataclasses.dataclass(frozen=True)
class {name}(Strategy):
    """Its fields are its whole configuration; set them with ``--set field=value``."""

    universe: tuple[str, ...] = ()  # empty: every asset of the market
    names: int = 3  # how many assets it holds
    lookback: int = 64  # price rows that decide() sees
    decide_on: Schedule = MONTHLY

    def decide(self, model: None, past: Market, held: pd.Series) -> Decision:
        """Hold the assets with the highest scores in equal parts.

        `past` ends at the close just past, so nothing here can look ahead.
        """
        score = past.returns().mean()  # <- your idea: one number per asset
        best = score[past.alive].nlargest(self.names).index
        weights = pd.Series(0.0, index=score.index)
        weights[best] = 1.0 / len(best)
        return Decision(weights, {{"score": score}})
'''


def new(
    name: Annotated[str, typer.Argument(help="lower_snake_case; becomes the file and the class")],
    json: Json = False,
) -> None:
    """Write the first file of your own strategy.

    Example: tiltwise new low_volatility
    """
    path = write(name, Path())
    if json:
        console.emit_json({"file": str(path)})
    else:
        print(f"{path} written; edit its decide(), then: tiltwise run {path} --data sample:stocks")


def write(name: str, folder: Path) -> Path:
    """Write ``<name>.py`` with a strategy that runs as it is; never over an existing file."""
    if not name.isidentifier() or name != name.lower():
        raise UsageError(f"{name!r} is no name for a file: use lower_snake_case")
    path = folder / f"{name}.py"
    title = name.replace("_", " ").capitalize()
    text = TEMPLATE.format(title=title, name="".join(w.capitalize() for w in name.split("_")))
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} is there already; choose another name or remove it") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    return path
