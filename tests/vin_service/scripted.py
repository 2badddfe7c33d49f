"""A server that gives the answers a test has prepared, word for word."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fakes.serve import serving


class Asked(NamedTuple):
    method: str
    path: str
    params: dict[str, str]
    form: dict[str, str]


class Script:
    """Gives one prepared answer after the other, and the last one again and again."""

    def __init__(self, answers: tuple[Response, ...]) -> None:
        self.url = ""
        self.asked: list[Asked] = []
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        form = dict(parse_qsl((await request.body()).decode()))
        self.asked.append(Asked(request.method, request.url.path, dict(request.query_params), form))
        turn = min(len(self.asked), len(self._answers)) - 1
        await self._answers[turn](scope, receive, send)


@contextmanager
def saying(*answers: Response) -> Iterator[Script]:
    app, script = FastAPI(), Script(answers)
    app.mount("/", script)
    with serving(app) as url:
        script.url = url
        yield script


def reply(body: Any, status: int = 200, **headers: str) -> Response:
    """A value is sent as JSON, bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(content, status, {"Content-Type": "application/json", **named})
