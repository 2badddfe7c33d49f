"""The settings of the service; each is the environment variable of its name."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, HttpUrl, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from include.errors import PermanentError

DAY_S = 24 * 3600
Seconds = Annotated[float, Field(ge=0, le=10_000 * DAY_S)]


class Settings(BaseSettings):
    """An empty variable counts as not set."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, frozen=True, hide_input_in_errors=True, str_strip_whitespace=True
    )

    vin_db: Path = Path("vin-cache.db")
    vpic_url: HttpUrl = HttpUrl("https://vpic.nhtsa.dot.gov/api")
    recalls_api_url: HttpUrl = HttpUrl("https://api.nhtsa.gov")
    vin_api_key: SecretStr | None = None
    # A car does not change, but NHTSA corrects the catalog of vPIC.
    vin_found_ttl_s: Seconds = 90 * DAY_S
    vin_not_found_ttl_s: Seconds = 3600
    # vPIC tolerates about 1,000 requests a minute, and each call may take three.
    vin_upstream_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 300
    vin_upstream_calls: Annotated[int, Field(ge=1, le=100)] = 4  # at once
    vin_upstream_timeout_s: Annotated[float, Field(ge=0.1, le=600)] = 5
    vin_samples: str = ""  # VINs that the empty page offers


def read_settings() -> Settings:
    """The settings of this process; an error does not quote a value, which may be secret."""
    try:
        return Settings()
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        raise PermanentError(
            f"{str(problem['loc'][0]).upper()} cannot be used: {problem['msg']}; "
            "correct it, or leave it out"
        ) from None
