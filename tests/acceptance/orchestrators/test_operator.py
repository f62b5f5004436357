"""The parts of our operator that need no running Airflow, in Airflow's own environment."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from retouch.edit import BATCH_PATTERN
from tests.acceptance.orchestrators.conftest import EXAMPLES
from tests.harness.processes import Process
from workers.stack.child import clean_environment

pytestmark = pytest.mark.slow

CHECK = """
import json, sys
from types import SimpleNamespace
import httpx
from airflow.sdk import Connection
from retouch_operator import access, batch_of, reason

def batch(**changes):
    return batch_of(SimpleNamespace(**{"dag_id": "d", "task_id": "t", "run_id": "r", "map_index": -1} | changes))

def url(**parts):
    return access(Connection(conn_id="x", conn_type="http", **parts))["base_url"]

def answer(status, **more):
    return httpx.Response(status, request=httpx.Request("GET", "https://gate.example/v1"), **more)

problem = {"detail": "2 edits are wrong", "errors": [{"line": 3, "field": "seed", "detail": "is no number"}]}
changes = [{}, {}, {"run_id": "s"}, {"map_index": 0}, {"task_id": "u"}, {"dag_id": "_ü" * 80}]
hosts = [{"host": "https://gate.example"}, {"host": "gate.example"}, {"host": "gate", "schema": "http", "port": 8080}]
print(json.dumps({
    "batches": [batch(**one) for one in changes],
    "urls": [url(**one) for one in hosts],
    "reasons": [reason(answer(422, json=problem)), reason(answer(502, html="<p>no</p>"))],
}))
"""


@pytest.fixture(scope="module")
def told(installed: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the operator makes of some tasks, connections and answers."""
    home = tmp_path_factory.mktemp("airflow")
    env = clean_environment(AIRFLOW_HOME=str(home), PYTHONPATH=str(EXAMPLES / "airflow"), PYTHONDONTWRITEBYTECODE="1")
    with Process([installed("airflow") / "python", "-c", CHECK], env=env) as process:
        ended = process.end()
    assert ended.code == 0, ended.err
    return dict(json.loads(ended.out.splitlines()[-1]))


def test_a_batch_is_named_after_its_task(told: dict[str, Any]) -> None:
    """The same at each try, another for each run, mapped index and task; whatever a DAG is called."""
    first, again, *others = told["batches"]
    assert first == again
    assert len({first, *others}) == 1 + len(others)
    assert all(BATCH_PATTERN.fullmatch(batch) for batch in told["batches"])


def test_a_connection_may_be_written_in_either_way(told: dict[str, Any]) -> None:
    """With a URL for its host, as in the environment, or with a schema and a port, as Airflow's form asks for them."""
    assert told["urls"] == ["https://gate.example", "https://gate.example", "http://gate:8080"]


def test_a_refusal_is_told_in_a_sentence(told: dict[str, Any]) -> None:
    """The gateway's words, with line and field; of a proxy's page what it is not."""
    refused, page = told["reasons"]
    assert refused == "the gateway answers 422: 2 edits are wrong; line 3, seed: is no number"
    assert page == "gate.example answers 502, which is no answer of a gateway"
