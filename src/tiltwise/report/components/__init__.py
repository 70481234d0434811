"""Building blocks of every page: document, theme, sections, tables, traces."""
