"""Masks hide credentials in URLs."""

import pytest

from include.http.masking import Mask, mask_urls


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://u:pw@host/a", "https://***@host/a"),
        ("smtp://user:secret@host:25", "smtp://***@host:25"),
        ("smtp://me@mine.org:p@ss@host:25", "smtp://***@host:25"),
        ("https://ghp_token@host/a", "https://***@host/a"),
        ("redis://:secret@host", "redis://***@host"),
        ("no 'http://u:p@one/' nor http://u:p@two", "no 'http://***@one/' nor http://***@two"),
        ("https://u:p@host/?token=t&a=b", "https://***@host/?token=***&a=b"),
    ],
)
def test_mask_hides_credentials_in_urls(text: str, shown: str) -> None:
    """A mask without secrets hides them too."""
    assert mask_urls(text) == shown
    assert Mask()(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "https://host:8080/a@b",
        "https://host/?mail=a@b.org",
        "s3://bucket/year=2019/a.parquet",
        "from a@b.org at 10:00",
        "https://host and a@b.org",
        "'https://host': a@b.org",
    ],
)
def test_mask_keeps_text_without_secrets(text: str) -> None:
    assert mask_urls(text) == text
