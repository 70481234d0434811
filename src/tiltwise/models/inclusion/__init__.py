"""Classifiers of which assets belong in a sparse replica, their tuning and their scores."""
