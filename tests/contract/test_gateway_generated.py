"""Requests made from the gateway's own OpenAPI document: each alone, and each with what others were answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
import redis
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig

from config.gateway import GatewaySettings
from retouch.access_keys import AccessKeys, Scope, new_token
from retouch.ledger import Ledger
from tests.unit.workers.gateway.conformance import document
from tests.unit.workers.gateway.conftest import serving
from workers.gateway.context import Gateway
from workers.stack.s3 import S3

TOKEN = new_token("caller")
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
CONFIG = {
    "headers": HEADERS,
    # What is right by its shape may be wrong all the same: no file has that id, no picture begins so.
    "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", 400, 401, 403, 404, 409, 415, 422, 429]}},
    "parameters": {"query.timeout": 0},  # of the long poll
    "generation": {"deterministic": True},
}
# A copy: it writes into the document which requests may follow which.
DOCUMENT: Any = schemathesis.openapi.from_dict(deepcopy(document()), config=SchemathesisConfig.from_dict(CONFIG))
DOCUMENT = DOCUMENT.exclude(path_regex="/events$")  # they do not end
WITHIN_S = 30.0
PREFIX = "generated/"  # no other test's

Call = dict[str, Any]


@schemathesis.serializer("application/jsonl")
def _as_lines(_context: Any, value: Any) -> bytes:
    return str(value).encode(errors="replace")


@pytest.fixture(scope="module")
def begin(server: redis.Redis, s3: S3) -> Iterator[Callable[[], Call]]:
    """Empties the ledger and the bucket of a gateway that listens; returns its address and a key, for calls."""
    objects, ledger = s3.client(), Ledger(server)
    with pytest.MonkeyPatch.context() as patched:
        for name, value in s3.environment.items():
            patched.setenv(name, value)
        with serving(Gateway(GatewaySettings(bucket=s3.bucket, prefix=PREFIX), ledger)) as url:

            def anew() -> Call:
                server.flushall()
                for item in objects.list_objects_v2(Bucket=s3.bucket, Prefix=PREFIX).get("Contents", []):
                    objects.delete_object(Bucket=s3.bucket, Key=item["Key"])
                AccessKeys(ledger, "here").create("caller", tuple(Scope), rate="1000000/m", token=TOKEN)
                return {"base_url": url, "headers": HEADERS, "timeout": WITHIN_S}

            yield anew


@DOCUMENT.parametrize()  # type: ignore[untyped-decorator]
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_request_is_answered_as_the_document_says(case: Any, begin: Callable[[], Call]) -> None:
    """With bodies and parameters that fit, and that do not."""
    case.call_and_validate(**begin())


def test_what_one_answer_names_can_be_asked_of_the_others(begin: Callable[[], Call]) -> None:
    """A batch that was made is followed, retried, cancelled, paused: in any order."""

    class Workflow(DOCUMENT.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            self.how = begin()

        def get_call_kwargs(self, _case: Any) -> Call:
            return self.how

    Workflow.run(settings=settings(max_examples=20, stateful_step_count=6, deadline=None))
