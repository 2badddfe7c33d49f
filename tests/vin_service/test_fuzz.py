"""Everything that the OpenAPI document allows, and much that it does not, asked of the service."""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.schemas import BaseSchema

from fakes.app import create_app as create_fakes
from fakes.serve import serving
from include.vin_service.app import create_app
from include.vin_service.settings import Settings

TAKE_A_VALUE = ["GET /lookup/{vin}", "POST /lookup", "DELETE /remove/{vin}", "GET /recalls/{vin}"]
TAKE_NOTHING = ["GET /export", "GET /healthz"]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseSchema]:
    """The service's own OpenAPI document, with fake APIs behind it."""
    with serving(create_fakes(rows=200, seed=7)) as apis:
        set_up = Settings(
            vin_db=tmp_path_factory.mktemp("fuzz") / "vins.db",
            vpic_url=f"{apis}/api",
            recalls_api_url=apis,
            vin_upstream_per_minute=600_000,
        )
        with serving(create_app(set_up)) as url:
            yield schemathesis.openapi.from_url(f"{url}/openapi.json")


@pytest.mark.parametrize(
    ("label", "mode"),
    [(label, mode) for label in TAKE_A_VALUE for mode in GenerationMode]
    + [(label, GenerationMode.POSITIVE) for label in TAKE_NOTHING],
    ids=lambda part: getattr(part, "value", part),
)
def test_any_request_has_a_documented_answer(
    document: BaseSchema, label: str, mode: GenerationMode
) -> None:
    operation = document.find_operation_by_label(label)
    assert operation
    answered = []

    @settings(
        max_examples=30,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Case) -> None:
        answered.append(case.call_and_validate(timeout=60).status_code)

    ask()
    assert answered


def test_document_has_each_route(document: BaseSchema) -> None:
    found = {operation.ok().label for operation in document.get_all_operations()}
    assert found == {*TAKE_A_VALUE, *TAKE_NOTHING}
