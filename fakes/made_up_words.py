"""The words that made-up data is made of, read from the files in words/; no name there is real."""

import itertools
import random
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any


@cache
def words_of(subject: str) -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "words" / f"{subject}.toml").read_text("utf-8"))


RECALLS = words_of("recalls")
COMPONENTS: list[str] = RECALLS["components"]
NAME_LIMIT = 40  # where the publisher cuts a manufacturer's name
NAMES = 3_000
SPELLED_TWICE = 19  # groups of names that differ only by case or punctuation
WITH_SLASH = 18
HOTLINE = "1-800-555-01"  # 1-800-555-01xx is kept for fiction
UNICODE_SINCE = 2025


@cache
def manufacturers() -> list[str]:
    """3,000 names, the frequent first: 18 with a slash, 19 spelled in two ways."""
    chance = random.Random("manufacturers")
    stems = [a + b for a, b in itertools.product(RECALLS["first"], RECALLS["second"])]
    parts = itertools.product(stems, RECALLS["trade"], RECALLS["form"])
    plain = [f"{stem} {trade}{form}" for stem, trade, form in parts]
    chance.shuffle(plain)
    slashed = [f"{a}/{name}" for a, name in zip(chance.sample(stems, 60), plain, strict=False)]
    names: dict[str, str] = {}
    wanted = ((slashed, WITH_SLASH), (plain[len(slashed) :], NAMES - SPELLED_TWICE))
    for candidates, enough in wanted:
        for name in candidates:
            if len(names) == enough:
                break
            cut = name[:NAME_LIMIT].rstrip()
            names.setdefault(same_name(cut), cut)
    ordered = list(names.values())
    chance.shuffle(ordered)
    twins = [n for n in ordered[:400] if "/" not in n and n != n.upper()][:SPELLED_TWICE]
    respelled = [
        name.upper() if number % 2 or not re.search("[.,]", name) else re.sub("[.,]", "", name)
        for number, name in enumerate(twins)
    ]
    return ordered[:300] + respelled + ordered[300:]


def same_name(name: str) -> str:
    """What is left of a name without case and punctuation."""
    return re.sub("[^a-z0-9]", "", name.casefold())


@cache
def sentences() -> list[str]:
    """Two thousand sentences that make a description longer."""
    chance = random.Random("sentences")
    return [_sentence(chance) for _ in range(2_000)]


def _sentence(chance: random.Random) -> str:
    part, other = chance.sample(RECALLS["parts"], 2)
    failing, reason, harm = (chance.choice(RECALLS[w]) for w in ("failings", "reasons", "harms"))
    number = chance.randrange(100, 99_999)
    return chance.choice(
        (
            f"On vehicles with the {part}, part number {number}, the {other} {failing}.",
            f"The {part} {failing} {reason}, {harm}.",
            f'The {part} carries the text "see page {number % 400}", which is wrong.',
            f"About {number % 97 + 2} percent of the {other}s are affected, {harm}.",
            f"Vehicles whose {part} was replaced under campaign {number} are included.",
        )
    )


@cache
def paragraphs() -> list[str]:
    """Of 2 to 18 sentences, the short ones first."""
    chance = random.Random("paragraphs")
    lengths = sorted(chance.randint(2, 18) for _ in range(600))
    return ["  ".join(chance.sample(sentences(), length)) for length in lengths]
