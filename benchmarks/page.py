"""The page that publishes the figures: written by the bench, so that they are of its commit.

A run of some sections replaces the whole output, so that the page is of one run.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from benchmarks.measure import ROOT

PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- output of make bench -->\n", "<!-- end of output -->\n"


def write(sections: Mapping[str, Sequence[str]]) -> None:
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    when = f"{datetime.now(UTC):%B %-d, %Y}, commit {_commit()}, {os.cpu_count()} cores"
    blocks = [
        f"\n### {title}\n```\n" + "\n".join(lines) + "\n```\n" for title, lines in sections.items()
    ]
    PAGE.write_text(f"{before}{BEGIN}Measured on {when}.\n{''.join(blocks)}{END}{after}")


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
