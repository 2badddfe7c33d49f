"""One small subject in which each book shows one oddity of Open Library; see words/books.toml."""

from __future__ import annotations

from typing import Any

from fakes.made_up_words import words_of

Record = dict[str, Any]
SUBJECT = "curiosities"


def _author(number: int | str) -> str:
    return f"/authors/OL{7_000_000 + int(number)}A"


def _work(number: int, name: str, odd: Record) -> Record:
    work: Record = {
        "key": f"/works/OL{7_000_000 + number}W",
        "title": f"The Book of {name.replace('_', ' ').title()}",
        "edition_count": 1 + number % 3,
        "cover_id": None,
        "authors": [{"number": 1, "name": "Anna Quillstow"}],
        "first_publish_year": 1990 + number,
    } | {key: value for key, value in odd.items() if key not in ("times", "without", "unknown")}
    work["authors"] = [
        {"key": _author(one["number"])} | {k: v for k, v in one.items() if k == "name"}
        for one in work["authors"]
    ]
    work["title"] *= odd.get("times", 1)
    work.pop(odd.get("without", ""), None)
    return work | ({odd["unknown"]: None} if "unknown" in odd else {})


# By what is odd about them, and by key.
WORKS: dict[str, Record] = {
    name: _work(number, name, odd)
    for number, (name, odd) in enumerate(words_of("books")["books"].items(), start=1)
}
AUTHORS: dict[str, Record] = {_author(n): a for n, a in words_of("books")["authors"].items()}
