"""The day of the fake APIs: made-up data goes on from the day that the lake has.

The day only moves forward: moved back, it would give the lake of another target an older read than
it has. It is kept as a hidden file beside the mirrored lake.
"""

import http.client
import json
from pathlib import Path

from local.processes import LocalError, ask


class MadeUpDays:
    def __init__(self, url: str, folder: Path) -> None:
        self.url = f"{url}/_control"
        self.file = folder / ".day"

    def resume(self) -> int:
        """Go on to the day that the lake has; returns the day."""
        return self.go_on(int(self.file.read_text()) if self.file.exists() else 1)

    def go_on(self, day: int) -> int:
        """Go on to this day, unless it is there or past; returns the day."""
        answer = ask(self.url)
        if answer and json.loads(answer[1])["day"] < day:
            answer = ask(self.url, {"day": day}, "POST")
        if answer is None:
            raise LocalError(f"the fake APIs on {self.url} do not answer; run again")
        status, body = answer
        if status == http.client.UNPROCESSABLE_ENTITY:
            raise LocalError(
                f"the made-up data has no day {day}; `make clean` empties the lake and begins again"
            )
        today = int(json.loads(body)["day"])
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(str(today))
        return today
