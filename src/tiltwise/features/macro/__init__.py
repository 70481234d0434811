"""Macro features in real time: every row from the values known on its day."""
