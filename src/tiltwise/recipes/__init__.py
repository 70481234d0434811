"""One file per published system, readable as its paper."""
