"""What cannot be a configuration: the sources' own arithmetic, in small named functions."""
