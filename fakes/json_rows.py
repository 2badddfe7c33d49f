"""Rows as the publisher writes them: one object a line, a null being an absent key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

LINK = "recall_link"
# How the odd rows of `dirty` differ in writing, where the value itself is the usual one.
REWRITTEN = {
    "link_as_string": (
        r'"recall_link":\{"url":("[^"]*"),"description":"[^"]*"\}',
        r'"recall_link":\1',
    ),
    "json_number": (r'"potentially_affected":"(\d+)"', r'"potentially_affected":\1'),
}


def body_of(parts: Iterable[tuple[pa.Table, pa.ChunkedArray | None]]) -> Iterator[bytes]:
    """The body in pieces. Beside each part: how the writing of its rows is odd, null being not."""
    opening = b"[{"
    for rows, odd in parts:
        lines = _objects(rows)
        if odd is not None:
            lines = _rewrite(lines, odd.combine_chunks())
        # All lines joined: the bytes between two objects are the separator.
        whole = pa.ListArray.from_arrays(pa.array([0, len(lines)], pa.int32()), lines)
        yield opening + pc.binary_join(whole, "\n,{")[0].as_buffer().to_pybytes()
        opening = b"\n,{"
    yield b"[]\n" if opening == b"[{" else b"\n]\n"


def _objects(rows: pa.Table) -> pa.Array:
    """Each row as an object without its opening brace."""
    members = [_members(name, rows[name].combine_chunks()) for name in rows.column_names]
    inside = pc.binary_join_element_wise(*members, ",", null_handling="skip")
    return pc.binary_join_element_wise(inside, "}", "")


def _members(name: str, values: pa.Array) -> pa.Array:
    """`"name":"value"` of each row; null stays null."""
    key = json.dumps(name)
    if name == LINK:
        return pc.binary_join_element_wise(
            f'{key}:{{"url":"', _escaped(values), '","description":"Go to Recall"}', ""
        )
    return pc.binary_join_element_wise(f'{key}:"', _escaped(values), '"', "")


def _escaped(texts: pa.Array) -> pa.Array:
    for character in ("\\", '"'):
        if pc.any(pc.match_substring(texts, character)).as_py():
            texts = pc.replace_substring(texts, character, "\\" + character)
    return texts


def _rewrite(lines: pa.Array, odd: pa.Array) -> pa.Array:
    for kind, (pattern, replacement) in REWRITTEN.items():
        hit = pc.fill_null(pc.equal(odd, kind), False)
        if pc.any(hit).as_py():
            rewritten = pc.replace_substring_regex(lines, pattern, replacement)
            lines = pc.if_else(hit, rewritten, lines)
    return lines
