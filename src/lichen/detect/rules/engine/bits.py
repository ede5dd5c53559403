"""Numbers and signatures that the kernels of the fast pass share."""

from __future__ import annotations

import numpy as np

ZERO, ONE = np.uint64(0), np.uint64(1)
EVEN = np.uint64(0x5555555555555555)
K1, K2, K3 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9)
ABSENT = np.uint64(0xFFFFFFFFFFFFFFFF)
HIGH = np.uint64(0x8080808080808080)
SLASHES, ONES = np.uint64(0x5C5C5C5C5C5C5C5C), np.uint64(0x0101010101010101)

NOTHING, STRING, BARE, STRANGE = 0, 1, 2, 3  # what a slot holds; strange: a list, an object, a fraction

u1, i4, i8, u8 = "u1[::1]", "i4[::1]", "i8[::1]", "u8[::1]"
DATA = "Array(u1, 1, 'C', readonly=True)"
