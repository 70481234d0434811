"""Where market data come from: one line for each source, asked by ``--data`` and `Market.open`."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tiltwise.errors import DataError
from tiltwise.market import factor_funds, sample, synthetic
from tiltwise.market.readers import files, store_folder


@dataclasses.dataclass(frozen=True)
class Provider:
    """A source of market data.

    Attributes
    ----------
    prefix : text before the colon, as in ``sample:stocks``; empty for a path.
    read : arguments of `Market.from_frames` for a path, or for the text after the colon.
    forms : what a user may write, as messages list it.
    accepts : whether the source has that path or text.
    needs : what must stand after the colon, if anything else is an error.
    complete : whether it brings its own benchmark, rates and calendar.
    file : whether a path stands after the colon.
    """

    prefix: str
    read: Callable[[str], dict[str, Any]]
    forms: tuple[str, ...]
    accepts: Callable[[str], bool] = bool
    needs: str = ""
    complete: bool = False
    file: bool = False


def _exists(path: str) -> bool:
    return Path(path).exists()


def _simulated(seed: str) -> dict[str, Any]:
    if not seed.isdigit():
        raise DataError(f"synthetic:SEED needs a whole number, not {seed!r}")
    return synthetic.simulate(int(seed))[0]


PROVIDERS = (
    Provider("", store_folder.read, ("a store",), store_folder.is_store),
    Provider("", files.read, ("a CSV or Parquet file",), _exists),
    Provider(
        "french", factor_funds.read_factor_funds,
        ("french:FILE of the Kenneth French library",), _exists, file=True,
    ),
    Provider("sample", sample.frames, ("sample:stocks", "sample:factors")),
    Provider(
        "synthetic", _simulated, ("synthetic:SEED",), str.isdigit, "a whole number", complete=True
    ),
)  # fmt: skip


def prefixed(data: str) -> Provider | None:
    """Return the source whose prefix and colon `data` begins with."""
    return next((p for p in PROVIDERS if p.prefix and data.startswith(f"{p.prefix}:")), None)


def provider_of(data: str) -> tuple[Provider, str] | None:
    """Return the source that `data` names and what it reads; None if there is none.

    A known prefix goes before a path of the same name. A source with `needs` is returned even for
    text that it does not accept.
    """
    known, (_, _, rest) = prefixed(data), data.partition(":")
    if known and rest and (known.needs or known.accepts(rest)):
        return known, rest
    paths = (p for p in PROVIDERS if not p.prefix and p.accepts(data))
    return next(((provider, data) for provider in paths), None)


def forms() -> str:
    """Return what a user may write, as a list in words."""
    each = [form for provider in PROVIDERS for form in provider.forms]
    return f"{', '.join(each[:-1])} or {each[-1]}"
