"""Airflow as it is deployed: its four processes, with an empty database, and its REST API."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import requests

from tests.harness.processes import Process
from tests.harness.reaper import process_at
from tests.harness.waiting import until
from tests.harness.web import Request
from workers.stack.child import clean_environment
from workers.stack.ports import free_ports

WITHIN_S = 240.0  # it takes its time on a machine that does other work
PARTS = ("scheduler", "dag-processor", "api-server")


class Airflow:
    """An installation in the folder ``home``, with DAGs and plugins of its own. Use as a context manager.

    ``programs``: the folder of its program. ``environment``: what its tasks find.
    """

    def __init__(self, programs: Path, home: Path, environment: Mapping[str, str]) -> None:
        self.home = home
        self.dags, self.plugins = home / "dags", home / "plugins"
        for folder in (self.dags, self.plugins):
            folder.mkdir(parents=True)
        self._program = programs / "airflow"
        [port] = free_ports(1)
        self._url = f"http://127.0.0.1:{port}"
        settings = {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__API__BASE_URL": self._url,
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self._url}/execution/",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
            "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "6",  # seconds; then others have its triggers
        }
        self._environment = clean_environment(**settings, **environment)
        self._environment["PATH"] = f"{programs}:{self._environment['PATH']}"
        self._ends = ExitStack()
        self._session = requests.Session()

    def __enter__(self) -> Self:
        with self._process("db", "migrate") as process:
            ended = process.end(WITHIN_S)
        assert ended.code == 0, ended.out
        self._parts = [self._ends.enter_context(self._process(part)) for part in PARTS]
        self._start_triggerer()
        self._session.headers["Authorization"] = f"Bearer {until(self._token, 'Airflow answers', WITHIN_S)}"
        return self

    def __exit__(self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self._session.close()
        self._ends.close()

    def begin(self, dag: str, day: str) -> None:
        """Begin the run of a day, once the DAG is known."""
        self.unpause(dag)
        asked = {"dag_run_id": day, "logical_date": f"{day}T00:00:00Z"}
        assert self._ask("POST", f"/dags/{dag}/dagRuns", asked)

    def unpause(self, dag: str) -> None:
        """Let runs of a DAG begin, once it is known."""
        until(
            lambda: self._ask("PATCH", f"/dags/{dag}", {"is_paused": False}), f"{dag} is known", WITHIN_S, saw=self.said
        )

    def finish(self, dag: str, day: str) -> str:
        """Wait for the end of a run; returns its state."""
        path = f"/dags/{dag}/dagRuns/{day}"
        until(
            lambda: self._state(path) in ("success", "failed"), f"the run {day} of {dag} ends", WITHIN_S, saw=self.said
        )
        return self._state(path)

    def runs(self, dag: str) -> list[dict[str, Any]]:
        """All runs of a DAG."""
        return list((self._ask("GET", f"/dags/{dag}/dagRuns") or {}).get("dag_runs", []))

    def task(self, dag: str, day: str, task: str) -> dict[str, Any]:
        """A task of a run: its ``state``, its ``try_number``."""
        return self._ask("GET", f"/dags/{dag}/dagRuns/{day}/taskInstances/{task}") or {}

    def value(self, dag: str, day: str, task: str) -> Any:
        """What a task returned."""
        found = self._ask(
            "GET", f"/dags/{dag}/dagRuns/{day}/taskInstances/{task}/xcomEntries/return_value?deserialize=true"
        )
        return (found or {}).get("value")

    def logs(self, dag: str, day: str) -> str:
        """What the tasks of a run have written."""
        folder = self.home / "logs" / f"dag_id={dag}" / f"run_id={day}"
        return "".join(path.read_text() for path in sorted(folder.rglob("*.log")))

    def kill(self, request: Request) -> None:
        """Kill the task that sent this request. If it was the triggerer, that is started again, as a service is."""
        pid = process_at(request.caller)
        if self._triggerer.pid in [parent.pid for parent in psutil.Process(pid).parents()]:
            self._triggerer.signal(signal.SIGKILL, group=True)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self._start_triggerer()
        else:
            os.kill(pid, signal.SIGKILL)

    def said(self) -> str:
        """The end of what its processes have written."""
        return "\n".join(part.out.text[-2000:] for part in (*self._parts, self._triggerer))

    def _start_triggerer(self) -> None:
        self._triggerer = self._ends.enter_context(self._process("triggerer"))

    def _process(self, *arguments: str) -> Process:
        return Process([self._program, *arguments], env=self._environment, cwd=self.home, merged=True)

    def _token(self) -> str:
        with suppress(requests.RequestException):
            answer = self._session.get(f"{self._url}/auth/token", timeout=30)
            if answer.ok:
                return str(answer.json()["access_token"])
        return ""

    def _state(self, path: str) -> str:
        return str((self._ask("GET", path) or {}).get("state"))

    def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any] | None:
        answer = self._session.request(method, f"{self._url}/api/v2{path}", json=body, timeout=60)
        return answer.json() if answer.ok else None
