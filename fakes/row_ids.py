"""The publisher's own row ids and versions: all of them new at every refresh."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa


def system_columns(numbers: Any, seed: int, day: int) -> dict[str, pa.Array]:
    return {
        ":id": _tagged("row-", numbers, seed, 2 * day),
        ":version": _tagged("rv-", numbers, seed, 2 * day + 1),
    }


def _tagged(prefix: str, numbers: Any, seed: int, salt: int) -> pa.Array:
    """A name such as row-yphs-79ie-e2dv for each number; distinct numbers, distinct names."""
    mixed = numbers.astype(np.uint64) + np.uint64((seed * 1_000_003 + salt) % 2**32 << 31)
    # splitmix64: the usual way to make neighbours look unrelated
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    alphabet = np.frombuffer(b"23456789abcdefghijkmnpqrstuvwxyz", dtype=np.uint8)
    width = len(prefix) + 14
    letters = np.empty((len(mixed), width), dtype=np.uint8)
    letters[:, : len(prefix)] = np.frombuffer(prefix.encode(), dtype=np.uint8)
    at = len(prefix)
    for k in range(12):
        if k in (4, 8):
            letters[:, at] = ord("-")
            at += 1
        letters[:, at] = alphabet[(mixed >> np.uint64(5 * k)) & np.uint64(31)]
        at += 1
    offsets = np.arange(len(mixed) + 1, dtype=np.int32) * width
    return pa.StringArray.from_buffers(
        len(mixed), pa.py_buffer(offsets), pa.py_buffer(letters.tobytes())
    )
