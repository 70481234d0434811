"""Kalman filters, smoothers and noise estimation for regressions with random-walk coefficients."""

from tiltwise.kernels.kalman.filter import innovations as innovations
