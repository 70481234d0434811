"""Configuration of places: ``tiltwise.toml``. Nothing in it changes a decision.

The command line wins over environment variables (``TILTWISE_DATA``, ``TILTWISE_FOLDER``,
``TILTWISE_JOBS``), those over the file, the file over the defaults.
"""

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from tiltwise.cli.exit_codes import UsageError

NAME = "tiltwise.toml"


class Where(BaseModel):
    """The keys of ``tiltwise.toml``; any other is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: str = "sample:stocks"
    folder: Path = Path(".tiltwise")
    jobs: int | None = None


def read(path: Path | None, **given: Any) -> Where:
    """Return where things are, `given` (where not None) winning over environment and file."""
    file = path or Path(NAME)
    values: dict[str, Any] = {}
    if path is not None or file.is_file():
        try:
            values = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise UsageError(f"{file} cannot be read: {error}") from error
    for key in Where.model_fields:
        from_environment = os.environ.get(f"TILTWISE_{key.upper()}")
        if from_environment:
            values[key] = from_environment
    values |= {k: v for k, v in given.items() if v is not None}
    try:
        return Where(**values)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(
            f"{file}: {'.'.join(map(str, first['loc']))}: {first['msg']}; "
            f"the keys are {', '.join(Where.model_fields)}"
        ) from error
