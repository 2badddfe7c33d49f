"""What the environment may say, and what is said when it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from include.errors import PermanentError
from include.vin_service.settings import Settings


def test_nothing_set_means_the_real_apis_and_no_lake() -> None:
    """Without settings the service asks NHTSA, keeps its cache here, and has no lake and no key."""
    settings = Settings.from_environment({})
    assert settings == Settings()
    assert settings.vpic_url == "https://vpic.nhtsa.dot.gov/api"
    assert settings.lake is None
    assert settings.api_key is None


def test_each_setting_is_read() -> None:
    """Each variable ends in its setting."""
    settings = Settings.from_environment(
        {
            "VIN_DB": "here/vins.db",
            "VPIC_URL": "http://127.0.0.1:1/api",
            "RECALLS_API_URL": "http://127.0.0.1:2",
            "VIN_API_KEY": "open sesame",
            "VIN_FOUND_TTL_S": "10",
            "VIN_NOT_FOUND_TTL_S": "0.5",
            "VIN_UPSTREAM_CALLS": "3",
            "VIN_UPSTREAM_PER_MINUTE": "60",
            "VIN_UPSTREAM_TIMEOUT_S": "2.5",
        }
    )
    assert settings == Settings(
        db=Path("here/vins.db"),
        vpic_url="http://127.0.0.1:1/api",
        recalls_api_url="http://127.0.0.1:2",
        api_key="open sesame",
        found_ttl_s=10,
        not_found_ttl_s=0.5,
        calls_at_once=3,
        calls_per_minute=60,
        timeout_s=2.5,
    )


def test_the_lake_is_that_of_the_commands() -> None:
    """`LAKE_BUCKET` is enough for recalls to be enriched."""
    settings = Settings.from_environment({"LAKE_BUCKET": "b", "AWS_REGION": "eu-central-1"})
    assert settings.lake is not None
    assert settings.lake.bucket == "b"


def test_a_name_set_to_nothing_is_not_set() -> None:
    """An empty key is no key, and an empty address is the usual one."""
    assert Settings.from_environment({"VIN_API_KEY": " ", "VPIC_URL": ""}) == Settings()


@pytest.mark.parametrize(
    ("workers", "calls", "a_minute"), [("1", 4, 300), ("2", 2, 150), ("8", 1, 37)]
)
def test_workers_share_the_limits(workers: str, calls: int, a_minute: int) -> None:
    """What vPIC sees of the whole service stays under its tolerance, however many workers."""
    settings = Settings.from_environment({"VIN_WORKERS": workers})
    assert (settings.calls_at_once, settings.calls_per_minute) == (calls, a_minute)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"VIN_FOUND_TTL_S": text} for text in ("soon", "-1", "nan", "inf")),
        *({"VIN_UPSTREAM_CALLS": text} for text in ("0", "1.5", "many")),
        *({"VIN_UPSTREAM_TIMEOUT_S": "0"}, {"VIN_UPSTREAM_PER_MINUTE": "0"}),
        *({"VIN_NOT_FOUND_TTL_S": "1e20"}, {"VIN_UPSTREAM_PER_MINUTE": "9" * 321}),
        {"VIN_API_KEY": "\udcff"},
        *({"VPIC_URL": text} for text in ("vpic", "ftp://x/", "http://", "http://[")),
        {"RECALLS_API_URL": "//x"},
    ],
    ids=lambda wrong: ascii(next(iter(wrong.items())))[:60],
)
def test_a_wrong_setting_is_one_line_with_its_name(wrong: dict[str, str]) -> None:
    """What cannot be used is refused at the start, not at the first request."""
    with pytest.raises(PermanentError, match=r"^(?!.*\n)") as refused:
        Settings.from_environment(wrong)
    assert str(refused.value).startswith(next(iter(wrong)))


def test_the_key_does_not_show() -> None:
    """Settings may be logged: the key is not among what they show."""
    assert "sesame" not in repr(Settings(api_key="open sesame"))


def test_a_password_in_an_address_does_not_show() -> None:
    """An address that is refused is not quoted: it may hold a password."""
    with pytest.raises(PermanentError) as refused:
        Settings.from_environment({"VPIC_URL": "ftp://me:sesame@x/"})
    assert "sesame" not in str(refused.value)
