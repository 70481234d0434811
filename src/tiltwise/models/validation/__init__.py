"""Time-ordered splits of rows, and the schedule of refits."""
