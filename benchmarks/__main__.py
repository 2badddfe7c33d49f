"""`python -m benchmarks`: speed and memory beside what else does the job; docs/performance.md.

Without options it runs everything, and writes its output into that page.
"""

import argparse
import sys

from benchmarks import page, tables
from benchmarks.by_task import by_task
from benchmarks.compare import CONTENDERS, compare
from benchmarks.days import three_days
from benchmarks.measure import BenchError
from benchmarks.servers import running_s3
from benchmarks.vin_service import cold, export, loads
from local.processes import LocalError

ROWS = (30_000, 300_000)
MANY_ROWS = 3_000_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, action="append", help="compare at this many rows only")
    parser.add_argument("--runs", type=int, default=5, help="how often each contender runs; 5")
    parser.add_argument("--without", choices=CONTENDERS, action="append", default=[])
    parser.add_argument("--days", type=int, metavar="ROWS", help="three days of this project")
    parser.add_argument("--by-task", type=int, metavar="ROWS", help="this project, task by task")
    parser.add_argument("--vin", action="store_true", help="the VIN service")
    asked = parser.parse_args()
    everything = not (asked.rows or asked.days or asked.by_task or asked.vin)
    names = [name for name in CONTENDERS if name not in asked.without]
    sections: dict[str, list[str]] = {}

    def show(title: str, lines: list[str]) -> None:
        sections[title] = lines
        print("\n".join(["", title, *lines]), flush=True)

    try:
        with running_s3() as s3:
            for rows in ROWS if everything else asked.rows or ():
                found = compare(names, rows, asked.runs, s3)
                show(f"{rows:,} rows, median of {asked.runs}", tables.comparison(rows, found))
            for rows in ROWS if everything else [asked.days or 0]:
                if rows:
                    show(f"{rows:,} rows, day by day", tables.days(three_days(rows, s3)))
            for rows in (*ROWS, MANY_ROWS) if everything else [asked.by_task or 0]:
                if rows:
                    lines = tables.tasks(rows, by_task(rows, s3))
                    show(f"{rows:,} rows, a process a task", lines)
        if everything or asked.vin:
            lines = loads(asked.runs) + cold() + export(asked.runs)
            show(f"The VIN service, median of {asked.runs}", lines)
    except (BenchError, LocalError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if everything:
        page.write(sections)
    return 0


if __name__ == "__main__":
    sys.exit(main())
