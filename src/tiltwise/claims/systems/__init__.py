"""The published systems: one folder each, with its card and everything only it needs."""
