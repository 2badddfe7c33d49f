"""A load of GET requests over kept connections.

    python -m benchmarks.load HOST PORT FILE CONNECTIONS SECONDS

FILE has a path a line; they are asked one after the other. The last line that is printed is JSON.
It parses as little of HTTP as it can: the load must cost less than what it measures.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from time import perf_counter

import uvloop

LENGTH = b"content-length:"


class Connection(asyncio.Protocol):
    """Asks, waits for the whole answer, asks again."""

    def __init__(self, requests: Iterator[bytes], until: float, took_s: list[float]) -> None:
        self.requests = requests
        self.until = until
        self.took_s = took_s
        self.bad = 0
        self.buffer = b""
        self.asked_at = 0.0
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.ask()

    def ask(self) -> None:
        self.asked_at = perf_counter()
        self.transport.write(next(self.requests))

    def data_received(self, received: bytes) -> None:
        self.buffer += received
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        if not end:
            return
        announced = head.lower().partition(LENGTH)[2].partition(b"\r\n")[0]
        if len(body) < int(announced):
            return
        now = perf_counter()
        self.took_s.append(now - self.asked_at)
        self.bad += not head.startswith(b"HTTP/1.1 200 ")
        self.buffer = b""
        if now < self.until:
            self.ask()
        else:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.bad += error is not None
        self.ended.set_result(None)


async def load(host: str, port: int, paths: list[str], connections: int, for_s: float) -> str:
    requests = cycle(
        [f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode() for path in paths]
    )
    took_s: list[float] = []
    begun = perf_counter()
    loop = asyncio.get_running_loop()
    made = [Connection(requests, begun + for_s, took_s) for _ in range(connections)]
    for connection in made:
        await loop.create_connection(lambda made=connection: made, host, port)
    await asyncio.gather(*(connection.ended for connection in made))
    lasted_s = perf_counter() - begun
    took_s.sort()
    return json.dumps(
        {
            "per_s": len(took_s) / lasted_s,
            "p50_ms": 1000 * took_s[len(took_s) // 2],
            "p99_ms": 1000 * took_s[len(took_s) * 99 // 100],
            "bad": sum(connection.bad for connection in made),
        }
    )


if __name__ == "__main__":
    host, port, paths, connections, seconds = sys.argv[1:]
    asked = Path(paths).read_text().split()
    print(uvloop.run(load(host, int(port), asked, int(connections), float(seconds))))
