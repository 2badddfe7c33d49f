"""Open Library's subjects and authors, with the manners that it asks of its readers."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.routing import APIRoute

from fakes.control import Control
from fakes.made_up_books import Library, complete_author, complete_work, library
from fakes.made_up_curiosities import Record
from fakes.open_library_state import OpenLibraryDials

DEFAULT_LIMIT, MAX_LIMIT = 12, 1000
LONGEST_URL = 8_000  # about what nginx takes in a request line
MOST_PROLIFIC = 25
GOOD_YEARS = range(1001, 2028)
Answering = Callable[[Request], Coroutine[Any, Any, Response]]


class _Polite(APIRoute):
    """Refuses anonymous scripts and whoever asks too fast."""

    def get_route_handler(self) -> Answering:
        answer = super().get_route_handler()

        async def checked(request: Request) -> Response:
            agent = request.headers.get("User-Agent", "")
            if agent.startswith("python-requests"):
                return _page(403, "403 Forbidden")
            if len(request.url.path) + len(request.url.query) > LONGEST_URL:
                return _page(414, "414 Request-URI Too Large")
            state = _control(request).open_library
            if state.dials.limited and state.is_too_fast(agent):
                says = "Too Many Requests. Consider using https://openlibrary.org/developers/dumps."
                return JSONResponse({"status": 429, "message": says}, 429)
            return await answer(request)

        return checked


router = APIRouter()
polite = APIRouter(route_class=_Polite)


@router.post("/_control/open_library")
def turn(request: Request, dials: OpenLibraryDials) -> OpenLibraryDials:
    """Change the dials that are named; the others stay."""
    state = _control(request).open_library
    state.dials = state.dials.model_copy(update=dials.model_dump(exclude_unset=True))
    return state.dials


# On the event loop, one after the other: what is counted needs no lock.
@polite.get("/subjects/{subject:path}.json")
async def books_of_subject(
    request: Request,
    subject: str,
    limit: Annotated[int, Query(ge=0, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    offset: Annotated[int, Query(ge=0)] = 0,
    details: Literal["true", "false"] = "false",
) -> Response:
    if subject != subject.lower():
        # Without the query, as the real one does it: who follows gets 12 books.
        return RedirectResponse(f"/subjects/{subject.lower()}.json", 301)
    control = _control(request)
    state = control.open_library
    state.pages += 1
    held = library(control.seed, control.day)
    keys = list(held.subjects.get(subject, ()))
    if state.dials.shuffles:
        random.Random(f"page {control.seed} {state.pages}").shuffle(keys)
    keys.sort(key=lambda key: -held.works[key]["edition_count"])
    page = keys[offset : offset + limit]
    answer: dict[str, Any] = {
        "key": f"/subjects/{subject}",
        "name": subject.replace("_", " "),
        "subject_type": "subject",
        "work_count": len(keys),
        "works": [complete_work(held, key) for key in page],
    }
    return JSONResponse(answer | (_details(held, keys) if details == "true" else {}))


def _details(held: Library, keys: list[str]) -> dict[str, Any]:
    works = [held.works[key] for key in sorted(keys)]
    names = {a["key"]: a.get("name") for work in works for a in work["authors"]}
    prolific = Counter(a["key"] for work in works for a in work["authors"])
    years = Counter(work["first_publish_year"] for work in works)
    return {
        "ebook_count": 0,
        "authors": [
            {"key": key, "name": names[key], "count": count}
            for key, count in prolific.most_common(MOST_PROLIFIC)
        ],
        "publishing_history": [[year, years[year]] for year in GOOD_YEARS if year in years],
        **{name: [] for name in ("subjects", "places", "people", "times", "publishers")},
        "languages": [],
    }


@polite.get("/authors/{author}.json")
async def one_author(request: Request, author: str) -> Response:
    """A merged author is an answer too: it says into whom."""
    key = f"/authors/{author}"
    found = _authors(request).get(key)
    if found is None:
        return JSONResponse({"error": "notfound", "key": key}, 404)
    return JSONResponse(complete_author(key, found))


@polite.get("/api/get_many")
async def many_authors(request: Request, keys: str = "[]") -> Response:
    """Who is not known is not in the answer."""
    try:
        asked = json.loads(keys)
    except ValueError as error:
        return JSONResponse({"status": "fail", "message": str(error)}, 400)
    if not isinstance(asked, list) or not all(isinstance(key, str) for key in asked):
        return JSONResponse({"status": "fail", "message": "keys is not a list of keys"}, 400)
    known = _authors(request)
    result = {key: complete_author(key, known[key]) for key in asked if key in known}
    return JSONResponse({"result": result, "status": "ok"})


router.include_router(polite)


def _authors(request: Request) -> dict[str, Record]:
    control = _control(request)
    return library(control.seed, control.day).authors


def _control(request: Request) -> Control:
    control: Control = request.app.state.control
    return control


def _page(status: int, title: str) -> Response:
    text = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return HTMLResponse(text, status)
