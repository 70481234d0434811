"""Price, rate and factor files of common formats, read as arguments of ``Market.from_frames``."""
