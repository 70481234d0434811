"""The page that compares all systems."""
