"""Requests generated from the OpenAPI document, valid and invalid."""

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode

from tests.vin_service.conftest import Service

WITH_INPUT = ["GET /lookup/{vin}", "POST /lookup", "DELETE /remove/{vin}", "GET /recalls/{vin}"]
WITHOUT_INPUT = ["GET /export", "GET /healthz"]


def test_any_request_has_a_documented_answer(service: Service) -> None:
    document = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
    operations = {found.ok().label: found.ok() for found in document.get_all_operations()}
    assert operations.keys() == {*WITH_INPUT, *WITHOUT_INPUT}
    modes = {label: [*GenerationMode] for label in WITH_INPUT}
    cases = [
        operation.as_strategy(generation_mode=mode)
        for label, operation in operations.items()
        for mode in modes.get(label, [GenerationMode.POSITIVE])
    ]

    @settings(
        max_examples=150,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(cases))
    def ask(case: Case) -> None:
        case.call_and_validate(timeout=60)

    ask()
