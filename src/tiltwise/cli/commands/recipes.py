"""The command ``tiltwise recipes``."""

from tiltwise.cli import console
from tiltwise.cli.options import Json


def recipes(json: Json = False) -> None:
    """List the strategies that come with the package.

    Example: tiltwise recipes
    """
    from tiltwise import recipes as folder
    from tiltwise.cli.inputs import facts

    rows = [facts(name, recipe) for name, recipe in folder.discover().items()]
    if json:
        console.emit_json(rows)
    else:
        console.table(
            "recipes",
            ["recipe", "idea", "refit", "decides", "holds"],
            [
                [r["recipe"], r["idea"], r["refit"], r["decide_on"], ",".join(r["universe"])]
                for r in rows
            ],
        )
