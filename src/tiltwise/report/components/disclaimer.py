"""What every page and the command line say of themselves."""

NOTICE = (
    "tiltwise is for research only: no investment advice, no offer, no warranty of any kind. "
    "MIT licence."
)
"""One sentence for footers and for ``tiltwise --help``; the licence itself is in the package."""
