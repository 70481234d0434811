"""Type of a progress callback: called with (done, total)."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
