"""Reads HTTP messages byte for byte, so that a proxy keeps signed requests valid."""

from collections.abc import Iterator
from http import HTTPStatus
from io import BufferedIOBase


def read_head(stream: BufferedIOBase) -> bytes:
    lines = []
    while (line := stream.readline()) not in (b"\r\n", b""):
        lines.append(line)
    if line == b"":
        return b""
    return b"".join([*lines, line])


def headers_of(head: bytes) -> dict[str, str]:
    pairs = (line.split(":", 1) for line in head.decode("latin-1").split("\r\n")[1:] if line)
    return {name.strip().lower(): value.strip() for name, value in pairs}


def read_body(stream: BufferedIOBase, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return b"".join(_read_chunks(stream))
    return _read_exactly(stream, int(headers.get("content-length", "0")))


def _read_chunks(stream: BufferedIOBase) -> Iterator[bytes]:
    """Yield the raw chunks with their size lines, then the trailer."""
    while size_line := stream.readline():
        yield size_line
        size = int(size_line.split(b";")[0], 16)
        if size == 0:
            break
        yield _read_exactly(stream, size + len(b"\r\n"))
    while (line := stream.readline()) not in (b"\r\n", b""):
        yield line
    yield b"\r\n"


def _read_exactly(stream: BufferedIOBase, size: int) -> bytes:
    body = stream.read(size)
    if len(body) < size:
        raise ConnectionError(f"the connection ended after {len(body)} of {size} bytes")
    return body


def read_answer(stream: BufferedIOBase, method: str) -> tuple[bytes, bool]:
    """Return the answer, and whether the connection can stay open after it."""
    head = read_head(stream)
    while head.split(b" ", 2)[1:2] == [b"100"]:
        head = read_head(stream)
    if not head:
        raise ConnectionError("S3 closed the connection without an answer")
    headers, status = headers_of(head), int(head.split(b" ", 2)[1])
    if method == "HEAD" or status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
        return head, True
    if "content-length" in headers or "transfer-encoding" in headers:
        return head + read_body(stream, headers), True
    return head + stream.read(), False
