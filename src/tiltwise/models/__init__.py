"""Frames in, a fitted frozen record out."""
