"""Everything that the OpenAPI document allows, and much that it does not, asked of the service."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.schemas import BaseSchema

from tests.vin_service.conftest import Service


@pytest.fixture
def document(service: Service) -> BaseSchema:
    return schemathesis.openapi.from_url(f"{service.url}/openapi.json")


@schemathesis.pytest.from_fixture("document").parametrize()
@settings(
    max_examples=30,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_any_request_has_a_documented_answer(case: Case) -> None:
    case.call_and_validate(timeout=60)
