"""Parameter searches: spaces, samplers, sweeps and tuning, every trial recorded."""
