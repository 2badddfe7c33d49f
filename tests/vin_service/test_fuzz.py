"""Everything that the OpenAPI document allows, and much that it does not, asked of the service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.schemas import BaseSchema

from fakes.app import create_app as create_local_apis
from fakes.serve import serving
from include.vin_service.app import create_app
from include.vin_service.settings import Settings

OPERATIONS = {"GET /lookup/{vin}", "POST /lookup", "DELETE /remove/{vin}", "GET /recalls/{vin}"}
# There is nothing in them to get wrong.
TAKE_NOTHING = {"GET /export", "GET /healthz"}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseSchema]:
    """The service's own OpenAPI document; vPIC is a local one, so that most is answered."""
    db = tmp_path_factory.mktemp("fuzz") / "vins.db"
    with serving(create_local_apis(rows=200, seed=7)) as apis:
        told = Settings(
            vin_db=db,
            vpic_url=f"{apis}/api",
            recalls_api_url=apis,
            vin_upstream_per_minute=600_000,
        )
        with serving(create_app(told)) as url:
            yield schemathesis.openapi.from_url(f"{url}/openapi.json")


@pytest.mark.parametrize(
    ("label", "mode"),
    [(label, mode) for label in sorted(OPERATIONS) for mode in GenerationMode]
    + [(label, GenerationMode.POSITIVE) for label in sorted(TAKE_NOTHING)],
    ids=lambda part: getattr(part, "value", part),
)
def test_no_answer_is_unexpected(document: BaseSchema, label: str, mode: GenerationMode) -> None:
    """Whatever is asked, the answer is one that the document names, of the shape that it says."""
    operation = document.find_operation_by_label(label)
    assert operation
    answered: Counter[int] = Counter()

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
        answered[case.call_and_validate(timeout=60).status_code] += 1

    ask()
    assert answered


def test_every_route_was_asked(document: BaseSchema) -> None:
    """The document names each route of the service; a fuzz of nothing would find nothing."""
    found = {operation.ok().label for operation in document.get_all_operations()}
    assert found == OPERATIONS | TAKE_NOTHING
