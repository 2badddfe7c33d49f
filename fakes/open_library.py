"""Open Library's subjects and authors, with the manners that it asks of its readers."""

import json
import random
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from fakes.made_up_books import SMALL, complete_author, library

DEFAULT_LIMIT, MAX_LIMIT = 12, 1000
LONGEST_URL = 8_000  # about what nginx takes in a request line
A_SECOND, A_SECOND_WITH_CONTACT = 1, 3
# Subjects of other kinds and spellings; each has the books of the small one.
MORE_SUBJECTS = ("children's_fiction", "person:harry_potter", "place:london", "français")
CONTACT = re.compile(r"\S@\S|https?://")


@dataclass(slots=True)
class OpenLibrary:
    """Set `clock` to be able to wait without waiting."""

    limited: bool = False  # whether asking too fast is refused
    clock: Callable[[], float] = monotonic
    pages: int = 0
    answered_at: deque[float] = field(default_factory=deque)

    def is_too_fast(self, agent: str) -> bool:
        """Whether this is one too many for the second that ends now; it counts if it is not."""
        now = self.clock()
        while self.answered_at and self.answered_at[0] <= now - 1:
            self.answered_at.popleft()
        allowed = A_SECOND_WITH_CONTACT if CONTACT.search(agent) else A_SECOND
        if len(self.answered_at) >= allowed:
            return True
        self.answered_at.append(now)
        return False


# All on the event loop, one after the other: what is counted needs no lock.
async def _be_polite(request: Request) -> None:
    """Refuse anonymous scripts and clients that ask too fast."""
    state: OpenLibrary = request.app.state.control.open_library
    agent = request.headers.get("User-Agent", "")
    if agent.startswith("python-requests"):
        raise HTTPException(403, "<html><body><h1>403 Forbidden</h1></body></html>")
    if len(request.url.path) + len(request.url.query) > LONGEST_URL:
        raise HTTPException(414, "<html><body><h1>414 Request-URI Too Large</h1></body></html>")
    if state.limited and state.is_too_fast(agent):
        says = "Too Many Requests. Consider using https://openlibrary.org/developers/dumps."
        raise HTTPException(429, {"status": 429, "message": says})


router = APIRouter(dependencies=[Depends(_be_polite)])


@router.get("/subjects/{subject:path}.json")
async def books_of_subject(
    request: Request,
    subject: str,
    limit: Annotated[int, Query(ge=0, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    if subject != subject.lower():
        # Without the query, as the real one does it: a client that follows gets 12 books.
        return RedirectResponse(f"/subjects/{subject.lower()}.json", 301)
    control = request.app.state.control
    state: OpenLibrary = control.open_library
    state.pages += 1
    held = library(control.seed, control.day)
    known = held.subjects | dict.fromkeys(MORE_SUBJECTS, held.subjects[SMALL])
    keys = list(known.get(subject, ()))
    # Books of as many editions change places from page to page.
    random.Random(f"page {control.seed} {state.pages}").shuffle(keys)
    keys.sort(key=lambda key: -held.works[key]["edition_count"])
    kind, _, name = subject.rpartition(":")
    return JSONResponse(
        {
            "key": f"/subjects/{subject}",
            "name": name.replace("_", " "),
            "subject_type": kind or "subject",
            "work_count": len(keys),
            "works": [held.works[key] for key in keys[offset : offset + limit]],
        }
    )


@router.get("/api/get_many")
async def many_authors(request: Request, keys: str = "[]") -> Response:
    """An unknown author is not in the answer; a merged one says into whom."""
    known = library(request.app.state.control.seed, request.app.state.control.day).authors
    result = {key: complete_author(key, known[key]) for key in json.loads(keys) if key in known}
    return JSONResponse({"result": result, "status": "ok"})
