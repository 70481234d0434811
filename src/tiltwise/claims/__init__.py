"""Tests of published claims: one card per system, computed verdicts."""
