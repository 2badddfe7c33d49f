"""Hold all that the lake has against what it says of itself; nothing is written.

Looked at are the table's files, receipts, projections and ledger, and the years whose raw pages
are still kept, which are made again from them. Exit code 0: all is as it should be, 1: it is not.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from include.first.bucket import in_one_line
from include.first.keys import Keys
from include.first.lake import Head, Lake
from include.vehicle_recalls.commands.findings import (
    DAMAGE,
    REPORT,
    RESTORE,
    Finding,
    Proof,
    unequal,
    whatever_comes,
)
from include.vehicle_recalls.commands.proof_of_ledger import prove_ledger
from include.vehicle_recalls.commands.proof_of_older_files import prove_older_files
from include.vehicle_recalls.commands.proof_of_projections import prove_projections
from include.vehicle_recalls.commands.proof_of_table import prove_table
from include.vehicle_recalls.commands.versions import (
    NoVersion,
    Version,
    head_with_data,
    versions_of,
)
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.replay import MadeOtherwise, RawGone, rederive
from include.vehicle_recalls.screen import years_told
from include.vehicle_recalls.state import year_states

KEYS = Keys(CONTRACT.name)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It always looks at everything."""


def command(lake: Lake, _: argparse.Namespace, say: Callable[[str], None]) -> int:
    return 1 if verify(lake, say) else 0


def verify(lake: Lake, say: Callable[[str], None]) -> list[Finding]:
    """Say what holds and what does not, each as it is found; the last line is the verdict."""
    try:
        head = head_with_data(lake)
        versions = versions_of(lake, head)
    except NoVersion:
        raise
    except DAMAGE as error:  # all else is held against it
        log = f"the log of {KEYS.table}"
        finding = Finding(log, f"cannot be read ({in_one_line(error)})", RESTORE)
        for line in Proof("the log can be read", log, [finding]).lines():
            say(line)
        say("")
        say(f"NOT SOUND: the log of s3://{lake.bucket}/{KEYS.table}; nothing else was looked at")
        return [finding]
    proofs = chain(
        whatever_comes(KEYS.table, prove_table(lake, head, versions)),
        whatever_comes(KEYS.table, prove_older_files(lake, head, versions)),
        whatever_comes(KEYS.folder, prove_projections(lake, head)),
        whatever_comes(KEYS.ledger, prove_ledger(lake, head, versions)),
        whatever_comes(KEYS.raw_folder, _prove_again(lake, head, versions)),
    )
    findings: list[Finding] = []
    asides = 0
    for proof in proofs:
        for line in proof.lines():
            say(line)
        findings += proof.findings
        asides += len(proof.aside)
    say("")
    say(_verdict(lake, head, findings, asides))
    return findings


def _verdict(lake: Lake, head: Head, findings: Sequence[Finding], asides: int) -> str:
    where = f"s3://{lake.bucket}/{KEYS.folder}, version {head.receipt_version}"
    if not findings:
        more = "" if not asides else "; what could not be looked at is told above"
        return f"sound: {where}{more}"
    newest = lake.head(KEYS.table).receipt_version
    moved = f"; version {newest} came meanwhile, so look again" * (newest != head.receipt_version)
    count = f"{len(findings):,} object{'s differ' if len(findings) > 1 else ' differs'}"
    return f"NOT SOUND: {count} in {where}{moved}"


def _prove_again(lake: Lake, head: Head, versions: Sequence[Version]) -> Iterator[Proof]:
    """Each year by the version that last changed it."""
    states = year_states(head.receipt)
    newest = {int(year): v for v in versions for year in v.receipt["changed"]}
    years_of: defaultdict[int, list[int]] = defaultdict(list)
    for year in sorted(states.keys() & newest.keys()):
        years_of[newest[year].number].append(year)
    findings = [
        Finding(str(year), "is in the table, and no version says that it brought it", REPORT)
        for year in sorted(states.keys() - newest.keys())
    ]
    made = 0
    asides: defaultdict[str, list[int]] = defaultdict(list)
    for number, years in sorted(years_of.items()):
        try:
            again = rederive(lake, number)
        except RawGone as gone:
            asides[_why_not(lake, versions, number, gone)] += years
        except MadeOtherwise as otherwise:
            asides[str(otherwise)] += years
        except DAMAGE as error:
            told = f"cannot be made again ({in_one_line(error)})"
            findings.append(Finding(f"version {number}", told, RESTORE))
        else:
            made += len(years)
            findings += [
                Finding(
                    f"{KEYS.table}/{states[year].path}",
                    f"made again from raw: sha256 {unequal(states[year].sha256, again.get(year))}",
                    REPORT,
                )
                for year in years
                if again.get(year) != states[year].sha256
            ]
    yield Proof(
        "years made again from raw are the same bytes",
        f"{made:,} of {len(states):,} years, of {len(years_of):,} versions",
        findings,
        tuple(f"{years_told(years)}: {why}" for why, years in asides.items()),
    )


def _why_not(lake: Lake, versions: Sequence[Version], number: int, gone: RawGone) -> str:
    receipt = next(version.receipt for version in versions if version.number == number)
    read = receipt.get("replay_of") or receipt["token"]
    if any(lake.keys(f"{KEYS.raw_folder}{read}/")):
        return f"cannot be derived again: {gone}"
    return "raw is pruned: cannot be derived again"
