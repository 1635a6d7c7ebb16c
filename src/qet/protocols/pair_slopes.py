"""Derivatives of the pair's closed forms (see `pair`) by the coefficients of H, the means, and the message.

With P = b z + c x, p² = x² + y², S² = b² (s² p² + z²) + c² (p² + s² z²) + 2 |bc| (1 - s²) p |z|:

    d extracted = dP + dS²/2S,      by s:  s (|b| p - |c||z|)²/S
    local    = b z + |b z| + c x + |c| p
    injected = a <Z_A> (sqrt(1 - s²) - 1).

Kinks: S = 0; for s² < 1 one of b, c, z, p equal to zero; in `local` one of b, z, or one of c, p. Each function returns
the derivatives by name and where there is none. Derived here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Slopes = dict[str, Any]


def extracted_slopes(b: Any, c: Any, z: Any, x: Any, y: Any, s: Any, *, is_strong: bool) -> tuple[Slopes, Any]:
    """Of the best gain, by b, c, z, x, y and s = strength (1 - 2 message_error); `is_strong`: s² = 1 everywhere."""
    yy = y * y
    pp, zz, bb, cc = x * x + yy, z * z, b * b, c * c
    if is_strong:
        ww, vv = bb + cc, pp + zz
        square = ww * vv
        kinked = square == 0.0
        S = np.sqrt(square)
        up, down = vv / S, ww / S
        by = {"b": z + b * up, "c": x + c * up, "z": b + z * down, "x": c + x * down, "y": y * down}
        rest_by_s = np.abs(b) * np.sqrt(pp) - np.abs(c * z)
        return {**by, "s": lambda: s * (rest_by_s * rest_by_s) / S}, kinked
    ss = s * s
    rest = np.maximum(1.0 - ss, 0.0)
    p = np.sqrt(pp)
    ab, ac, az = np.abs(b), np.abs(c), np.abs(z)
    S = np.sqrt(bb * (ss * pp + zz) + cc * (pp + ss * zz) + 2.0 * rest * (ab * ac) * (p * az))
    zeros = sum((np.equal(value, 0.0) * 1 for value in (b, c, z, p)), 0)
    kinked = (S == 0.0) | ((zeros == 1) & (rest > 0.0))
    along = rest * p * az
    across = b * b * ss + cc + rest * ab * ac * az / np.where(p > 0.0, p, 1.0)
    tip = ab * p - ac * az
    return {
        "b": z + (b * (ss * pp + zz) + np.sign(b) * ac * along) / S,
        "c": x + (c * (pp + ss * zz) + np.sign(c) * ab * along) / S,
        "z": b + (z * (bb + cc * ss) + np.sign(z) * ab * ac * rest * p) / S,
        "x": c + x * across / S,
        "y": y * across / S,
        "s": lambda: s * (tip * tip) / S,
    }, kinked


def local_slopes(b: Any, c: Any, z: Any, x: Any, y: Any) -> tuple[Slopes, Any]:
    """Of the best gain without the message, by b, c, z, x and y."""
    p = np.sqrt(x * x + y * y)
    on = 2.0 * (b * z > 0.0)
    kinked = ((b == 0.0) ^ (z == 0.0)) | ((c == 0.0) ^ (p == 0.0))
    share = np.abs(c) / np.where(p > 0.0, p, 1.0)
    by = {"b": z * on, "c": x + np.sign(c) * p, "z": b * on, "x": c + x * share, "y": y * share}
    return {**by, "s": lambda: 0.0}, kinked


def injected_slopes(a: Any, z: Any, s: Any) -> tuple[Slopes, Any]:
    """Of what Alice pays, by a, z = <Z_A> and s = strength; infinite by s at s = 1."""
    lost = np.sqrt((1.0 - s) * (1.0 + s)) - 1.0

    def by_s() -> Any:
        return -a * z * s / np.sqrt((1.0 - s) * (1.0 + s))

    return {"a": lost * z, "zA": lost * a, "s": by_s}, False
