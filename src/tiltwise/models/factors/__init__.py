"""Factor models: principal components, dynamic loadings, regressions."""
