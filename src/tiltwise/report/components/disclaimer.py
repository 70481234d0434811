"""Research-only notice of every page and of the command line."""

NOTICE = (
    "tiltwise is for research only: no investment advice, no offer, no warranty of any kind. "
    "MIT licence."
)
"""Notice in footers and in ``tiltwise --help``; the licence itself is in the package."""
