"""Serve the fakes: `python -m fakes --rows 30000 --seed 1 --day 1`."""

import argparse
import signal
import sys
import threading

from fakes.app import create_app
from fakes.made_up_days import LAST
from fakes.recalls import source_of
from fakes.serve import serving


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fakes", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 only inside a container")
    parser.add_argument("--port", type=int, default=0, help="0 means any that is free")
    parser.add_argument("--rows", type=int, default=30_000, help="rows of the recalls on day 1")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another source")
    parser.add_argument("--day", type=int, default=1, help=f"1 to {LAST}; each changes history")
    asked = parser.parse_args()
    if asked.rows < 0 or asked.seed < 0 or not 1 <= asked.day <= LAST:
        parser.error(f"rows and seed are 0 or more, and the day is 1 to {LAST}")

    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: sys.exit())
    app = create_app(rows=asked.rows, seed=asked.seed, day=asked.day)
    try:
        with serving(app, asked.port, host=asked.host) as url:
            source_of(app.state.control).table()  # 3,000,000 rows take minutes
            print(f"ready {url}", flush=True)
            threading.Event().wait()
    except OSError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
