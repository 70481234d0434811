"""Claims of the MTUM replica (source 2)."""
