"""The command line: one short function per command."""


def main() -> None:
    """Run the command that was typed."""
    from tiltwise.cli.app import app
    from tiltwise.cli.exit_codes import guard

    guard(app)
