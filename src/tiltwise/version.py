"""The version of the package, as results record it."""

__version__ = "0.1.0"
