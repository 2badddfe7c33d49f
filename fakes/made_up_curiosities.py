"""One small subject in which each book shows one oddity of Open Library."""

from __future__ import annotations

from typing import Any

Record = dict[str, Any]

SUBJECT = "curiosities"
AWKWARD_TITLE = (
    'A "Quoted", Comma\'d;\tTabbed Title\r\nOn Two Lines, by Zoë Ångström — 数据挖掘 \U0001f4da'
)


def _author(number: int) -> str:
    return f"/authors/OL{7_000_000 + number}A"


def _credit(number: int, name: str) -> dict[str, str]:
    return {"key": _author(number), "name": name}


ANNA, BRAM = _credit(1, "Anna Quillstow"), _credit(2, "Bram Tarnholt")

# What is odd, in the order of their work keys; the rest of each book is ordinary.
_ODD: dict[str, Record] = {
    "no_title": {"title": None},
    "empty_title": {"title": ""},
    "awkward_title": {"title": AWKWARD_TITLE},
    "formula_title": {"title": '=HYPERLINK("https://example.org","Look")'},
    "padded_title": {"title": "  Spaces on both ends "},
    "long_title": {"title": "A long title " * 400},
    "same_title": {"title": "Awkward Books"},
    "same_title_again": {"title": "Awkward Books"},
    "no_authors": {"authors": []},
    "author_twice": {"authors": [ANNA, BRAM, ANNA]},
    "order_of_authors": {"authors": [BRAM, ANNA]},
    "two_keys_of_one_person": {"authors": [_credit(3, "J. Fenmoor"), _credit(4, "J. Fenmoor")]},
    "merged": {"authors": [_credit(5, "A. Quillstow")]},
    "merged_and_target": {"authors": [_credit(5, "A. Quillstow"), ANNA]},
    "merged_twice": {"authors": [_credit(6, "Anna Quillstow, 1931-")]},
    "merged_into_nothing": {"authors": [_credit(7, "Lost Author")]},
    "merged_in_a_circle": {"authors": [_credit(8, "Round"), _credit(9, "And Round")]},
    "merged_into_itself": {"authors": [_credit(10, "Selfsame")]},
    "merged_into_a_work": {"authors": [_credit(11, "Misdirected")]},
    "deleted_author": {"authors": [_credit(12, "Deleted Author")]},
    "unknown_author": {"authors": [_credit(13, "Nobody Knows")]},
    "nameless_author": {"authors": [{"key": _author(14)}]},
    "awkward_author": {"authors": [_credit(15, 'O"Brien, Seán')]},
    "renamed_author": {"authors": [_credit(16, "Old Name")]},
    "dates_as_text": {"authors": [_credit(17, "Old Master")]},
    "bio_as_text": {"authors": [_credit(18, "Told Plainly")]},
    "bio_as_object": {"authors": [_credit(19, "Told at Length")]},
    "no_year": {"first_publish_year": None},
    "year_before_christ": {"first_publish_year": -350},
    "year_to_come": {"first_publish_year": 9999},
    "no_editions": {"edition_count": 0},
    "cover_missing": {"cover_id": -1},
}


def _works() -> dict[str, Record]:
    found = {}
    for number, (name, odd) in enumerate(_ODD.items(), start=1):
        work: Record = {
            "key": f"/works/OL{7_000_000 + number}W",
            "title": f"The Book of {name.replace('_', ' ').title()}",
            "edition_count": 1 + number % 3,
            "cover_id": None,
            "authors": [ANNA],
            "first_publish_year": 1990 + number,
        } | odd
        if work["title"] is None:
            del work["title"]
        found[name] = work
    return found


# By what is odd about them.
WORKS = _works()


def _redirect(to: str) -> Record:
    return {"type": {"key": "/type/redirect"}, "location": to}


AUTHORS: dict[str, Record] = {
    _author(1): {"name": "Anna Quillstow", "birth_date": "1931"},
    _author(2): {"name": "Bram Tarnholt"},
    _author(3): {"name": "J. Fenmoor"},
    _author(4): {"name": "J. Fenmoor"},
    _author(5): _redirect(_author(1)),
    _author(6): _redirect(_author(5)),
    _author(7): _redirect(_author(99)),
    _author(8): _redirect(_author(9)),
    _author(9): _redirect(_author(8)),
    _author(10): _redirect(_author(10)),
    _author(11): _redirect("/works/OL7000001W"),
    _author(12): {"type": {"key": "/type/delete"}},
    _author(14): {},
    _author(15): {"name": 'O"Brien, Seán\nJunior', "alternate_names": ["Sean O'Brien"]},
    _author(16): {"name": "New Name"},
    _author(17): {
        "name": "Old Master",
        "birth_date": "ca. 384 BC",
        "death_date": "after 1 May, 322?",
    },
    _author(18): {"name": "Told Plainly", "bio": "Wrote one book,\nthen stopped."},
    _author(19): {
        "name": "Told at Length",
        "bio": {"type": "/type/text", "value": 'Said "never again", and wrote two more.'},
    },
}
