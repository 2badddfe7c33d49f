"""In which order a lake's keys are copied: what refers comes after what it refers to.

Table files, table log (versions ascending, the hint at the newest checkpoint last), ledger files,
ledger log, then the projections and all else. Deleting goes the other way round.
"""

from __future__ import annotations

import re

TABLE_FILES, TABLE_LOG, LEDGER_FILES, LEDGER_LOG, THE_REST = range(5)
LOGS = {TABLE_LOG, LEDGER_LOG}
# Written once under names never used again, and without metadata: same bytes, same object.
WRITTEN_ONCE = {"table", "ledger", "raw", "quarantine"}
HINT = "_last_checkpoint"
# Names that cannot leave the folder and are not hidden: hidden files are the desktop's and ours.
SAFE_KEY = re.compile(r"(?!\.)[^/\0]+(/(?!\.)[^/\0]+)*")


def stage(key: str) -> int:
    match key.split("/"):
        case [_, "table", "_delta_log", *_]:
            return TABLE_LOG
        case [_, "table", *_]:
            return TABLE_FILES
        case [_, "ledger", "_delta_log", *_]:
            return LEDGER_LOG
        case [_, "ledger", *_]:
            return LEDGER_FILES
        case _:
            return THE_REST


def order(key: str) -> tuple[int, bool, str, bool, str]:
    """A sort key. A version's checkpoint comes after its log entry, whose summary it is."""
    name = key.rpartition("/")[2]
    version = name.partition(".")[0] if stage(key) in LOGS else ""
    return stage(key), name == HINT, version, bool(version) and not name.endswith(".json"), key


def reading_turn(key: str) -> int:
    """In which of three listings a key counts: the hint's, the logs', or everything else's."""
    if stage(key) not in LOGS:
        return 2
    return 0 if key.endswith(f"/{HINT}") else 1


def is_staging(key: str) -> bool:
    return key.split("/")[1:2] == ["staging"]


def is_written_once(key: str) -> bool:
    return not WRITTEN_ONCE.isdisjoint(key.split("/")[1:2])
