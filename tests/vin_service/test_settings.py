"""Settings from environment variables, and errors for wrong values."""

from pathlib import Path

import pytest

from include.errors import PermanentError
from include.vin_service.settings import read_settings


def test_empty_variables_mean_the_real_apis_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VIN_API_KEY", "VPIC_URL", "VIN_UPSTREAM_CALLS"):
        monkeypatch.setenv(name, "")
    settings = read_settings()
    assert str(settings.vpic_url) == "https://vpic.nhtsa.dot.gov/api"
    assert settings.vin_api_key is None
    assert settings.vin_db == Path("vin-cache.db")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("VIN_FOUND_TTL_S", text) for text in ("soon", "-1", "nan", "inf")),
        *(("VIN_UPSTREAM_CALLS", text) for text in ("0", "1.5")),
        *(("VIN_UPSTREAM_TIMEOUT_S", "0"), ("VIN_UPSTREAM_PER_MINUTE", "9" * 321)),
        *(("VPIC_URL", text) for text in ("vpic", "ftp://me:sesame@x/", "http://[")),
    ],
)
def test_wrong_value_is_refused_without_quoting_it(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(PermanentError, match=r"^[^\n]+$") as error:
        read_settings()
    assert str(error.value).startswith(f"{name} cannot be used: ")
    assert "sesame" not in str(error.value)


def test_key_is_stripped_and_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIN_API_KEY", " open sesame\n")
    settings = read_settings()
    assert settings.vin_api_key
    assert settings.vin_api_key.get_secret_value() == "open sesame"
    assert "sesame" not in repr(settings)
