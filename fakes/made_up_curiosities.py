"""One small subject in which each book shows one oddity of Open Library."""

import json
from pathlib import Path
from typing import Any

Record = dict[str, Any]
SUBJECT = "curiosities"
_WRITTEN = json.loads((Path(__file__).parent / "words" / "curiosities.json").read_text("utf-8"))
WORKS: dict[str, Record] = _WRITTEN["works"]  # by what is odd about them
WORKS["long_title"]["title"] *= 400
AUTHORS: dict[str, Record] = _WRITTEN["authors"]  # by key
