"""Pages of results, each one self-contained HTML file."""
