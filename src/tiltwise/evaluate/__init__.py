"""What a path of returns is worth, and how sure we are."""
