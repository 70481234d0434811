"""The engine behind claim cards: data, recorded measurements, fixes, verdicts."""
