"""A made-up library: books on a few subjects and who wrote them; no book or person here is real."""

import itertools
import random
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from fakes import made_up_curiosities as curiosities
from fakes.made_up_curiosities import Record
from fakes.made_up_words import words_of

BIG, SMALL = "data_mining", "love"
BOOKS, PERSONS, SHARED = 620, 900, 2
FIRST_CHANGE = 2  # the day on which it happens
_WORDS = words_of("books")
_REDIRECT = {"type": {"key": "/type/redirect"}}


class Library(NamedTuple):
    """The books of each subject by key, the books, and the records of the authors."""

    subjects: dict[str, list[str]]
    works: dict[str, Record]
    authors: dict[str, Record]


@lru_cache(maxsize=8)
def library(seed: int, day: int) -> Library:
    found = _first_day(seed)
    for number in range(FIRST_CHANGE, day + 1):
        _pass_a_day(found, seed, number)
    return found


def _first_day(seed: int) -> Library:
    chance = random.Random(f"books {seed}")
    authors = dict(_persons(chance))
    keys = list(authors)
    # Everyone wrote at least one book, whatever the number of authors of each.
    waiting = iter(chance.sample(keys, len(keys)))
    works = {}
    for number in range(1, BOOKS + 1):
        size = chance.choices((0, 1, 2, 3, 4), (3, 40, 30, 20, 7))[0]
        by = [next(waiting, None) or chance.choice(keys) for _ in range(size)]
        work = _book(chance, number, _title(chance), [_credited(authors, key) for key in by])
        if _happens(chance, 100):
            del work["title"]
        works[work["key"]] = work
    big = list(works)
    few = [
        _book(chance, BOOKS + number, title, [_credited(authors, chance.choice(keys))])
        for number, title in enumerate(_WORDS["love"], start=1)
    ]
    works |= {work["key"]: work for work in (*few, *curiosities.WORKS.values())}
    subjects = {
        BIG: big,
        SMALL: [*(work["key"] for work in few), *big[:SHARED]],
        curiosities.SUBJECT: [work["key"] for work in curiosities.WORKS.values()],
    }
    return Library(subjects, works, authors | curiosities.AUTHORS)


def _persons(chance: random.Random) -> Iterator[tuple[str, Record]]:
    """Some share a name; a few were merged into one that came before."""
    pairs = list(itertools.product(_WORDS["given"], _WORDS["family"]))
    chance.shuffle(pairs)
    names = [f"{given} {family}" for given, family in pairs]
    for number in range(PERSONS):
        key = f"/authors/OL{1000 + number}A"
        if number and number % 60 == 0:
            yield key, _REDIRECT | {"location": f"/authors/OL{1000 + number - 7}A"}
            continue
        record: Record = {"name": names[number % len(names)]}
        if _happens(chance, 3):
            record["birth_date"] = _date(chance, chance.randint(1920, 1990))
        if _happens(chance, 20):
            record["death_date"] = _date(chance, chance.randint(1991, 2025))
        if _happens(chance, 10):
            text = f"Teaches in {chance.choice(_WORDS['family'])}.\nWrites, too."
            wrapped = _happens(chance, 2)
            record["bio"] = {"type": "/type/text", "value": text} if wrapped else text
        yield key, record


def _date(chance: random.Random, year: int) -> str:
    forms = ("{0}", "{1} May {0}", "May {1}, {0}", "c. {0}", "{0}-05-{1:02}")
    return chance.choice(forms).format(year, chance.randint(1, 28))


def _credited(authors: dict[str, Record], key: str) -> dict[str, str]:
    """As the index has it, which knows nothing of merging."""
    record = authors[key]
    while "location" in record:
        record = authors[record["location"]]
    return {"key": key, "name": record["name"]}


def _happens(chance: random.Random, once_in: int) -> bool:
    return chance.randrange(once_in) == 0


def _title(chance: random.Random) -> str:
    how, what, why = (chance.choice(_WORDS[kind]) for kind in ("how", "what", "for"))
    return f"{how} {what}{why}"


def _book(chance: random.Random, number: int, title: str, authors: list[dict[str, str]]) -> Record:
    has_cover = _happens(chance, 2)
    return {
        "key": f"/works/OL{2000 + number}W",
        "title": title,
        "edition_count": chance.choices((1, 2, 3, 4, 5, 8, 13, 40), (60, 20, 8, 5, 3, 2, 1, 1))[0],
        "cover_id": chance.randrange(100_000, 9_999_999) if has_cover else None,
        "authors": authors,
        "first_publish_year": None if _happens(chance, 20) else chance.randint(1985, 2026),
    }


def _pass_a_day(found: Library, seed: int, day: int) -> None:
    """The subject loses a book and gains two, some have new editions, an author is merged."""
    chance = random.Random(f"books {seed} {day}")
    big = found.subjects[BIG]
    # The first to go stays in the other subject.
    big.remove(big[0] if day == FIRST_CHANGE else chance.choice(big[SHARED:]))
    for key in chance.sample(big, 3):
        work = found.works[key]
        found.works[key] = work | {"edition_count": work["edition_count"] + 1}
    writer = f"/authors/OL{9_000_000 + day}A"
    given, family = (chance.choice(_WORDS[kind]) for kind in ("given", "family"))
    found.authors[writer] = {"name": f"{given} {family}"}
    for number in (1, 2):
        credit = [_credited(found.authors, writer)]
        work = _book(chance, 100_000 + 10 * day + number, _title(chance), credit)
        found.works[work["key"]] = work
        big.append(work["key"])
    own = found.authors.keys() - curiosities.AUTHORS.keys()
    merged, into = chance.sample(sorted(key for key in own if "name" in found.authors[key]), 2)
    found.authors[merged] = _REDIRECT | {"location": into}


def complete_author(key: str, record: Record) -> Record:
    """The record as the API shows it."""
    return {"key": key, "type": {"key": "/type/author"}} | record
