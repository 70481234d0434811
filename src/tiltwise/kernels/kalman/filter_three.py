"""The filter of `kernels.kalman.filter` for three regressors, whose covariance fits in registers.

Three factors are the common case. The general kernel keeps the covariance in memory, and half of
its time goes into writing and reading it back; here the operations and their order are the same,
so the bits are too.
"""

from tiltwise.kernels.jit import kernel

NAN = float("nan")


@kernel()
def filter_three(y, x, delta, noise, b, p, e, q):  # type: ignore[no-untyped-def]
    """Run one (delta, noise) over y (T, N), x (T, 3); b (3, N) and p (3, 3) change in place."""
    rows, assets = y.shape
    p00, p10, p11, p20, p21, p22 = p[0, 0], p[1, 0], p[1, 1], p[2, 0], p[2, 1], p[2, 2]
    for t in range(rows):
        f0, f1, f2 = x[t, 0], x[t, 1], x[t, 2]
        p00 += delta
        p11 += delta
        p22 += delta
        a0 = p00 * f0 + p10 * f1 + p20 * f2
        a1 = p10 * f0 + p11 * f1 + p21 * f2
        a2 = p20 * f0 + p21 * f1 + p22 * f2
        total = a0 * f0 + a1 * f1 + a2 * f2 + noise
        q[t] = total
        if total == total:  # a NaN regressor makes the variance NaN: predict only
            inverse = 1.0 / total
            g0, g1, g2 = a0 * inverse, a1 * inverse, a2 * inverse
            p00 -= g0 * a0
            p10 -= g1 * a0
            p11 -= g1 * a1
            p20 -= g2 * a0
            p21 -= g2 * a1
            p22 -= g2 * a2
            for i in range(assets):
                s = y[t, i] - f0 * b[0, i] - f1 * b[1, i] - f2 * b[2, i]
                e[t, i] = s
                s = s if s == s else 0.0
                b[0, i] += g0 * s
                b[1, i] += g1 * s
                b[2, i] += g2 * s
        else:
            for i in range(assets):
                e[t, i] = NAN
    p[0, 0], p[1, 1], p[2, 2] = p00, p11, p22
    p[0, 1], p[0, 2], p[1, 2] = p10, p20, p21
    p[1, 0], p[2, 0], p[2, 1] = p10, p20, p21
