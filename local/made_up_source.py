"""The day of the local APIs: their history goes on from where the lake is."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local.processes import LocalError
from local.state import locked

TIMEOUT_S = 10


class MadeUpSource:
    """The local APIs that run, which every target of this checkout shares.

    Their day is only ever moved forward: moved back, they would give another target's lake an
    older read than it has. So a target finds the day that it asks for, or a later one that
    another has gone on to. `make run DAYS=n` goes on only when it is its turn to run, so that it
    disturbs no other run of `make run` and `make dag`. Whose read sees the day move all the same,
    in `make ui`, notices as it would at the real API: it reads again, or fails and says so.
    """

    def __init__(self, root: Path, url: str) -> None:
        self.root = root
        self.url = url

    def catch_up(self, environment: Mapping[str, str]) -> int:
        """Go on to the day that the lake of this environment has; say which day it is now."""
        publisher = f"made-up:{self._control()['seed']}"
        asked = subprocess.run(
            [sys.executable, "-m", "local.lake_day", publisher],
            env=dict(environment) | {"PYTHONPATH": str(self.root)},
            capture_output=True,
            text=True,
            check=False,
        )
        if asked.returncode:
            why = (asked.stderr.strip().splitlines() or [f"it ended with {asked.returncode}"])[-1]
            raise LocalError(f"could not read which day the lake has: {why}")
        return self.go_on(int(asked.stdout))

    def go_on(self, day: int) -> int:
        """Go on to this day, unless it is there or past; say which day it is now."""
        with locked(self.root / ".local" / "day.lock"):
            today = int(self._control()["day"])
            return today if today >= day else int(self._control(day)["day"])

    def _control(self, day: int | None = None) -> dict[str, Any]:
        """Ask for the settings, or set the day."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=TIMEOUT_S
        )
        try:
            connection.request(
                "POST" if day else "GET",
                "/_control",
                json.dumps({"day": day}) if day else None,
                {"Content-Type": "application/json"},
            )
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise LocalError(f"the local APIs on {address.netloc} do not answer: {error}") from None
        finally:
            connection.close()
        if answer.status == http.HTTPStatus.UNPROCESSABLE_ENTITY:
            raise LocalError(
                f"the local APIs' history has no day {day}; `make clean` empties the lake, "
                "and the history begins again"
            )
        control: dict[str, Any] = json.loads(said)
        return control
