"""One exchange over HTTP: one deadline for all of it, redirects, and a limit on the body."""

import io
from collections.abc import Mapping
from contextvars import ContextVar
from http.client import HTTPResponse
from time import monotonic
from typing import Any
from urllib.parse import urljoin

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from include.http.errors import WrongHost, error_for_exception, host_and_path, too_large

CHUNK_BYTES = 1 << 20
MAX_REDIRECTS = 3
REDIRECTS = {301, 302, 303, 307, 308}

# urllib3 has no argument that reaches the socket; the monotonic time at which this exchange ends.
_deadline: ContextVar[float] = ContextVar("deadline")


class _TimedReader(io.RawIOBase):
    """A socket's timeout starts again with each byte; this reader stops at the deadline.

    It reads all that a server sends: a proxy's answer, `100 Continue`, the head, the body.
    """

    def __init__(self, raw: io.RawIOBase, socket: Any) -> None:
        self._raw, self._socket = raw, socket
        self._silence_s = socket.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = _deadline.get() - monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._socket.settimeout(min(self._silence_s, left_s))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp: Any = io.BufferedReader(_TimedReader(self.fp.detach(), sock))


class _TimedHttp(HTTPConnection):
    response_class = _TimedResponse


class _TimedHttps(HTTPSConnection):
    response_class = _TimedResponse


class _TimedAdapter(HTTPAdapter):
    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _TimedHttps if pool.scheme == "https" else _TimedHttp
        return pool


class Transport:
    """Sends requests, from any number of threads. Keeps connections, but no cookies."""

    def __init__(self, connect_timeout_s: float, read_timeout_s: float, max_bytes: int) -> None:
        self._timeouts_s = (connect_timeout_s, read_timeout_s)
        self._max_bytes = max_bytes
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _TimedAdapter())

    def exchange(
        self, request: requests.PreparedRequest, where: str, deadline: float
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Return status, headers and the body as it traveled, read to the end."""
        before = _deadline.set(deadline)
        try:
            for _ in range(1 + MAX_REDIRECTS):
                with self._send(request, deadline) as response:
                    target = response.headers.get("Location", "")
                    if (
                        not target
                        or response.status_code not in REDIRECTS
                        # A request that changes something goes to the given address only.
                        or request.method not in {"GET", "HEAD"}
                    ):
                        body = _read(response, where, self._max_bytes)
                        return response.status_code, response.headers, body
                    # The body stays unread: `with` closes the connection.
                request = self._redirected(request, where, target)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            # `from None`: the cause carries the whole request, credentials included.
            raise error_for_exception(error, where) from None
        finally:
            _deadline.reset(before)
        raise WrongHost(
            f"{where} redirects more than {MAX_REDIRECTS} times; check the host and the path"
        )

    def _send(self, request: requests.PreparedRequest, deadline: float) -> requests.Response:
        url, left_s = request.url or "", max(0.01, deadline - monotonic())
        connect_s, read_s = (min(timeout_s, left_s) for timeout_s in self._timeouts_s)
        # The proxies and certificates that the environment names.
        settings: Any = self._session.merge_environment_settings(url, {}, True, None, None)
        return self._session.get_adapter(url).send(request, timeout=(connect_s, read_s), **settings)

    def _redirected(
        self, request: requests.PreparedRequest, where: str, target: str
    ) -> requests.PreparedRequest:
        """The same request to another path of its host; another host would get our headers."""
        following = request.copy()
        try:
            following.prepare_url(urljoin(request.url or "", target), None)
            leaves = self._session.should_strip_auth(request.url, following.url)  # type: ignore[no-untyped-call]
        except ValueError:  # the errors of requests are ValueErrors too
            leaves = True
        if leaves:
            raise WrongHost(
                f"{where} redirects to {host_and_path(target)}, another host, which is not "
                "followed; check the host"
            )
        return following


def _read(response: requests.Response, where: str, max_bytes: int) -> bytes:
    chunks, size = [], 0
    # At the end, read1 raises when fewer bytes came than Content-Length announced.
    while chunk := response.raw.read1(CHUNK_BYTES, decode_content=False):
        chunks.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            raise too_large(where, max_bytes)
    return b"".join(chunks)
