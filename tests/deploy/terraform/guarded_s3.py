"""A proxy that enforces an IAM policy in front of S3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from tests.deploy.terraform.iam import Need, Policy, needs
from tests.faulty_s3 import _address, _call, _Connection, _refusal, _Server, _serving


@dataclass
class Guard:
    url: str
    policy: Policy
    needed: set[Need] = field(default_factory=set)  # every action requested so far
    refused: list[Need] = field(default_factory=list)  # actions that the policy denies


class _Guarded(_Connection):
    server: _GuardedServer

    def _answer(self, head: bytes, headers: dict[str, str], body: bytes) -> bool:
        guard, call = self.server.guard, _call(head, headers)
        requested = needs(call, headers, body)
        denied = [need for need in requested if not guard.policy.allows(need)]
        guard.needed.update(requested)
        guard.refused.extend(denied)
        if denied:
            self.wfile.write(_refusal(HTTPStatus.FORBIDDEN, call))
            return True
        return super()._answer(head, headers, body)


class _GuardedServer(_Server):
    def __init__(self, upstream: tuple[str, int], policy: Policy) -> None:
        super().__init__(upstream)
        self.RequestHandlerClass = _Guarded
        self.guard = Guard(self.proxy.url, policy)


@contextmanager
def guarded_s3(upstream_url: str, policy: Policy) -> Iterator[Guard]:
    server = _GuardedServer(_address(upstream_url), policy)
    with _serving(server):
        yield server.guard
