"""What `verify` finds: what was looked at, and each object that is not what it should be."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from include.errors import PermanentError
from include.first.bucket import LakeError, in_one_line

RESTORE = "restore it from a copy"
REPORT = "report it, with this line"  # nothing that people do to a bucket leads here
PROJECT = "run `project`"
UNREADABLE = (pa.ArrowException, OSError, ValueError)  # what a reader of Parquet makes of damage
# What readers of damaged bytes may raise, and of objects that are sound by themselves but not true.
DAMAGE = (*UNREADABLE, LakeError, PermanentError, LookupError, TypeError, EOFError, zlib.error)
TOLD = 10  # of one proof; the rest are counted


class Finding(NamedTuple):
    """One object that differs."""

    what: str
    differs: str  # what was expected and what was found
    cure: str

    def __str__(self) -> str:
        return f"{self.what} {self.differs}; {self.cure}"


class Proof(NamedTuple):
    """One thing that must hold."""

    name: str
    looked_at: str
    findings: list[Finding]
    aside: tuple[str, ...] = ()  # what could not be looked at, and is no damage

    def lines(self) -> Iterator[str]:
        yield f"{'DIFFERS' if self.findings else 'OK':<7}  {self.name}: {self.looked_at}"
        for finding in self.findings[:TOLD]:
            yield f"         {finding}"
        if len(self.findings) > TOLD:
            yield f"         and {len(self.findings) - TOLD:,} more"
        for line in self.aside:
            yield f"         {line}"


def whatever_comes(what: str, proofs: Iterator[Proof]) -> Iterator[Proof]:
    """These proofs; where damage ends them early, that is a finding and not the end of all."""
    try:
        yield from proofs
    except DAMAGE as error:
        finding = Finding(what, f"breaks the proofs off ({in_one_line(error)})", RESTORE)
        yield Proof(f"{what} can be looked at", "not to the end", [finding])


def unequal(expected: object, found: object) -> str:
    return f"should be {expected}, and is {found}"
