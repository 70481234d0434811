"""Recipes: one file per published system, with its equations, source and departures.

A strategy is any in this folder, or named as ``path/to/file.py:Class``.
"""

import importlib
import importlib.util
import inspect
import pkgutil
import re
import sys
from pathlib import Path
from types import ModuleType

from tiltwise.errors import MissingData, StrategyError
from tiltwise.strategy import Strategy

_FILES: dict[str, Path] = {}  # by module name, those that `module` has loaded


def discover() -> dict[str, type[Strategy]]:
    """Return every strategy in this folder by its name in lower snake case."""
    recipes: dict[str, type[Strategy]] = {}
    for file in pkgutil.iter_modules(__path__):
        for recipe in _strategies(importlib.import_module(f"{__name__}.{file.name}")):
            recipes[snake(recipe.__name__)] = recipe
    return dict(sorted(recipes.items()))


def load(name: str) -> type[Strategy]:
    """Return a strategy by recipe name or as ``path/to/file.py:Class``.

    Raises
    ------
    MissingData
        No such recipe, file or class; the message lists what there is.
    StrategyError
        The file does not run.
    """
    if ".py" in name:
        return _from_file(name)
    place = f"{__name__}.{name}"
    if name.isidentifier() and importlib.util.find_spec(place):
        strategies = _strategies(importlib.import_module(place))
        if len(strategies) == 1:
            return strategies[0]
    recipes = discover()
    if name not in recipes:
        raise MissingData(
            f"no recipe is called {name!r}: there is {', '.join(recipes)}; "
            "your own strategy is named as path/to/file.py:Class"
        )
    return recipes[name]


def snake(name: str) -> str:
    """Return ``ResidualMomentum`` as ``residual_momentum``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _strategies(home: ModuleType) -> list[type[Strategy]]:
    """Return the final strategies that a module defines."""
    return [
        value
        for value in vars(home).values()
        if inspect.isclass(value)
        and issubclass(value, Strategy)
        and not inspect.isabstract(value)
        and value.__module__ == home.__name__
    ]


def module(path: Path) -> ModuleType:
    """Return a Python file as a module; it need not be installed.

    Raises
    ------
    MissingData
        There is no such file.
    StrategyError
        It does not run.
    """
    if not path.is_file():
        raise MissingData(f"{path}: there is no such file")
    spec = importlib.util.spec_from_file_location(f"strategy_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded
    try:
        spec.loader.exec_module(loaded)
    except Exception as error:
        raise StrategyError(f"{path} does not run: {type(error).__name__}: {error}") from error
    _FILES[spec.name] = path.resolve()
    return loaded


def files() -> dict[str, Path]:
    """Return the files that `module` has loaded, by the name it gave each module."""
    return dict(_FILES)


def _from_file(name: str) -> type[Strategy]:
    """Return a strategy class from a file."""
    text, _, wanted = name.partition(".py")
    path = Path(f"{text}.py")
    strategies = {recipe.__name__: recipe for recipe in _strategies(module(path))}
    chosen = wanted.lstrip(":") or (next(iter(strategies)) if len(strategies) == 1 else "")
    if chosen not in strategies:
        names = ", ".join(strategies) or "no strategy at all (a class that subclasses Strategy)"
        raise MissingData(f"{path} has no strategy {chosen or '(name one after a colon)'}: {names}")
    return strategies[chosen]
