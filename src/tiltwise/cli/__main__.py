"""``python -m tiltwise.cli`` is the command ``tiltwise``."""

from tiltwise.cli import main

main()
