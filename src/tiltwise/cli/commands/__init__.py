"""What can be typed: one module per command, named after it; each hands over to the package."""
