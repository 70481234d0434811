"""The risk register of a run: measures, limits and verdicts."""
