"""How long work reports its progress: called with (done, total)."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
