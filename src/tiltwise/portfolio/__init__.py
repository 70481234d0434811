"""Portfolio construction: from scores or moments to weights."""
