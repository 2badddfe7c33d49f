"""`python -m benchmarks`: speed and memory beside what else does the job; docs/performance.md.

Without options it runs everything. It writes its output into that page.
"""

import argparse
import sys
from collections.abc import Callable

from benchmarks import page, tables
from benchmarks.by_task import by_task
from benchmarks.compare import CONTENDERS, compare
from benchmarks.days import three_days
from benchmarks.measure import BenchError
from benchmarks.servers import S3, running_s3
from benchmarks.site import site
from benchmarks.vin_service import cold, export, loads
from local.processes import LocalError

ROWS = (30_000, 300_000)
MANY_ROWS = 3_000_000


Show = Callable[[str, list[str]], None]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, action="append", help="compare at this many rows only")
    parser.add_argument("--runs", type=int, default=5, help="how often each contender runs; 5")
    parser.add_argument("--without", choices=CONTENDERS, action="append", default=[])
    parser.add_argument("--days", type=int, metavar="ROWS", help="three days of this project")
    parser.add_argument(
        "--by-task", type=int, action="append", metavar="ROWS", help="this project, task by task"
    )
    parser.add_argument("--site", action="store_true", help="the site")
    parser.add_argument("--vin", action="store_true", help="the VIN service")
    parser.add_argument("--no-page", action="store_true", help="leave docs/performance.md as it is")
    asked = parser.parse_args()
    everything = not (asked.rows or asked.days or asked.by_task or asked.site or asked.vin)
    sections: dict[str, list[str]] = {}

    def show(title: str, lines: list[str]) -> None:
        sections[title] = lines
        print("\n".join(["", title, *lines]), flush=True)

    try:
        with running_s3() as s3:
            measure_lake(asked, s3, show, everything=everything)
        if everything or asked.vin:
            lines = loads(asked.runs) + cold() + export(asked.runs)
            show(f"The VIN service, median of {asked.runs}", lines)
    except (BenchError, LocalError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not asked.no_page:
        page.write(sections)
    return 0


def measure_lake(asked: argparse.Namespace, s3: S3, show: Show, *, everything: bool) -> None:
    names = [name for name in CONTENDERS if name not in asked.without]
    for rows in ROWS if everything else asked.rows or ():
        found = compare(names, rows, asked.runs, s3)
        show(f"{rows:,} rows, median of {asked.runs}", tables.comparison(rows, found))
    for rows in ROWS if everything else filter(None, [asked.days]):
        show(f"{rows:,} rows, day by day", tables.days(rows, three_days(rows, s3)))
    for rows in (*ROWS, MANY_ROWS) if everything else asked.by_task or ():
        show(f"{rows:,} rows, one process per task", tables.tasks(rows, by_task(rows, s3)))
    if everything or asked.site:
        measured, seen = site(ROWS[0], asked.runs, s3)
        show(f"The site of {ROWS[0]:,} recalls", tables.builds(measured) + seen)


if __name__ == "__main__":
    sys.exit(main())
