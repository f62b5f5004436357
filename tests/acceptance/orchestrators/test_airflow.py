"""Airflow 3 before the whole system: our operator, OpenAI's unchanged one, a sensor of S3, and a DAG that SQS wakes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.orchestrators.conftest import NAMES, Copy, paid_once
from tests.harness.airflow import Airflow
from tests.harness.aws import ACCOUNT, REGION, Aws
from tests.harness.aws import aws as aws_services
from tests.harness.reaper import DAYS, Reaper, Step, every_step
from tests.harness.scene import Scene
from workers.stack.s3 import S3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

DAGS = ("restyle", "restyle_openai", "restyle_sensor", "on_batch_end")
QUEUE = "edits"
WITHIN_S = 240.0


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    """SQS, with a queue that workers tell of the ends of batches."""
    with aws_services() as found:
        found.queue(QUEUE)
        yield found


@pytest.fixture(scope="module")
def airflow(
    installed: Callable[[str], Path],
    reaper: Reaper,
    token: str,
    copy: Copy,
    aws: Aws,
    s3: S3,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Airflow]:
    """Airflow with the examples as they stand; only that runs begin when they are told to, and tries at once."""
    here = {
        "minutes=1": "seconds=1",
        'schedule="@daily"': "schedule=None",
        "s3://my-edits/": f"s3://{s3.bucket}/edits/",
        "https://sqs.eu-central-1.amazonaws.com": aws.url,
    }
    gateway = {"conn_type": "http", "password": token, "host": reaper.url}
    environment = {
        "AIRFLOW_CONN_RETOUCH_DEFAULT": json.dumps(gateway),
        "AIRFLOW_CONN_OPENAI_DEFAULT": json.dumps(gateway | {"conn_type": "openai", "host": f"{reaper.url}/openai/v1"}),
        **s3.environment,
        "AWS_ENDPOINT_URL_SQS": aws.url,
    }
    found = Airflow(installed("airflow"), tmp_path_factory.mktemp("airflow"), environment)
    copy("airflow/retouch_operator.py", found.plugins)
    for name in DAGS:
        copy(f"airflow/{name}.py", found.dags, here)
    with found:
        yield found


@pytest.mark.parametrize(
    ("dag", "waits_by", "tries"),
    [
        ("restyle", Step("GET", "/v1/batches/*/wait"), {"edit": 3}),
        ("restyle_openai", Step("GET", "/openai/v1/batches/*"), {"upload": 3, "edit": 3}),
    ],
)
def test_a_run_that_is_killed_at_every_step_pays_once(
    scene: Scene, gateway: Reaper, airflow: Airflow, dag: str, waits_by: Step, tries: dict[str, int]
) -> None:
    """The tasks, and while they are deferred the triggerer, are killed before and after each request."""
    scene.worker(poll_max="0.5")
    first, second = DAYS
    airflow.begin(dag, first)
    assert airflow.finish(dag, first) == "success"
    steps = gateway.steps()
    for number, (step, moment) in enumerate(every_step(steps, scene.api, waits_by)):
        gateway.aim(step, moment, airflow.kill)
        if number == 0:
            airflow.begin(dag, second)
        scene.until(lambda: gateway.struck, f"it comes to {step}", WITHIN_S)
    assert airflow.finish(dag, second) == "success"
    paid_once(scene)
    assert {task: airflow.task(dag, second, task)["try_number"] for task in tries} == tries
    print(f"{dag}: killed before and after each of {steps}")


def test_too_many_failures_fail_the_task_with_a_list(scene: Scene, gateway: Reaper, airflow: Airflow) -> None:
    """For good, as another try would change nothing; the log names what failed, and why.

    On a busy machine Airflow's scheduler takes a failure for a death now and then ("state mismatch"), and tries again:
    that pays for nothing.
    """
    scene.worker()
    scene.api.trouble("status", status=422, error="no cats today", match="a cat")
    airflow.begin("restyle", "2026-01-03")
    assert airflow.finish("restyle", "2026-01-03") == "failed"
    said = airflow.logs("restyle", "2026-01-03")
    assert '"exc_type":"AirflowFailException"' in said.replace(" ", "")
    assert len(scene.api.accepted()) == len(NAMES) - 1
    assert "/cat failed: " in said
    assert "no cats today" in said
    assert "of the 4 edits of batch restyle-edit-" in said
    assert "max_failures is 1%" in said


def test_an_outage_of_the_gateway_costs_a_try_at_most(scene: Scene, gateway: Reaper, airflow: Airflow) -> None:
    """A task that cannot send is tried again; one that waits waits on, in the same try."""
    scene.worker(poll_max="0.5")
    scene.api.trouble("odd_status", word="PROCESSING")
    task = ("restyle", "2026-01-04", "edit")
    gateway.away = True
    airflow.begin(*task[:2])
    scene.until(lambda: gateway.cut, "it sends in vain", WITHIN_S)
    gateway.away = False
    scene.until(lambda: airflow.task(*task).get("state") == "deferred", "it waits", WITHIN_S)
    gateway.away, gateway.cut = True, 0
    scene.until(lambda: gateway.cut, "it asks in vain", WITHIN_S)
    gateway.away = False
    scene.api.clear()
    assert airflow.finish(*task[:2]) == "success"
    assert airflow.task(*task)["try_number"] == 2, airflow.logs(*task[:2])
    assert len(scene.api.accepted()) == len(NAMES)


def test_a_sensor_waits_for_the_end_in_s3(scene: Scene, gateway: Reaper, airflow: Airflow) -> None:
    """Deferred, and it passes once ``_SUCCESS`` is there."""
    scene.worker(poll_max="0.5")
    scene.api.trouble("odd_status", word="PROCESSING")
    airflow.begin("restyle_sensor", "2026-01-01")
    scene.until(lambda: airflow.task("restyle_sensor", "2026-01-01", "ended").get("state") == "deferred", "it waits")
    scene.api.clear()
    assert airflow.finish("restyle_sensor", "2026-01-01") == "success"
    assert scene.queue.status("restyle-2026-01-01").finished


def test_the_end_of_a_batch_begins_a_dag(scene: Scene, aws: Aws, airflow: Airflow) -> None:
    """A batch that Airflow knows nothing of ends; its event comes through SQS."""
    airflow.unpause("on_batch_end")
    sink = f"sqs:arn:aws:sqs:{REGION}:{ACCOUNT}:{QUEUE}?types=batch.completed"
    scene.worker(sinks=sink, AWS_ENDPOINT_URL_SQS=aws.url)
    batch = scene.enqueue(2)
    scene.until(lambda: airflow.runs("on_batch_end"), "a run begins", WITHIN_S)
    [run] = airflow.runs("on_batch_end")
    assert airflow.finish("on_batch_end", run["dag_run_id"]) == "success"
    assert airflow.value("on_batch_end", run["dag_run_id"], "publish") == [batch]
