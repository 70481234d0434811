"""Inclusion of assets in a sparse replica: classifiers, their tuning and their scores."""
