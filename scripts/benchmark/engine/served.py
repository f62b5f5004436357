"""The same images through the real endpoint and by the engine's batching alone: what HTTP, PNG and the queue cost."""

from __future__ import annotations

import io
import json
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import requests
from PIL import Image
from transformers.utils import logging

from retouch.errors import ServiceError
from scripts.benchmark.engine.figures import Served
from scripts.benchmark.engine.loops import by_steps
from scripts.benchmark.engine.race import seconds
from scripts.benchmark.engine.sizes import Sizes
from scripts.benchmark.engine.subject import Subject
from scripts.benchmark.engine.traffic import KINDS, USUAL, Job, jobs
from tests.harness import tiny_sd
from tests.harness.web import Web
from workers.endpoint.diffusion.sampling import Sampler
from workers.stack.child import Child, clean_environment

READY_S = 600.0  # at most, until the model is loaded
ENDS_S = 600.0  # at most, for one edit
LEAST_WAIT_S = 0.02  # between two looks at the oldest edit
WAIT = 0.01  # of the time since the edits were posted: it is exact enough, and some looks an edit are usual
ANSWERS_S = 60.0


def measure(subject: Subject, sizes: Sizes, max_rows: int, say: Callable[[str], None]) -> Served:
    """Measure both, in turns; raises ServiceError if the endpoint fails."""
    # On a CPU the exact endpoint makes one image a call.
    rows = max_rows if subject.device.is_gpu else 1
    wanted = jobs(sizes.edits, len(KINDS))
    wishes = [subject.wish(job) for job in wanted]
    served = Served(sizes.edits, sizes.at_the_endpoint)
    shares: list[float] = []

    sampler = Sampler(subject.parts)  # as the endpoint's, it knows the prompts from the second round on

    def alone() -> None:
        by_steps(sampler, wishes, subject.size, served.in_flight, max_rows=rows, exact=True)

    say("loading the endpoint")
    with _endpoint(subject, wanted, max_rows, served.in_flight) as endpoint:
        endpoint.make(wanted[:1])
        for in_flight in sizes.in_flight:
            say(f"endpoint, usual edits, {in_flight} in flight")
            usual = [Job(job.number, USUAL) for job in wanted[: 2 * in_flight]]
            began = subject.device.now_s(endpoint.pid)
            endpoint.keep(usual, in_flight)
            served.usual[in_flight] = len(usual) / (subject.device.now_s(endpoint.pid) - began)
        for number in range(1, sizes.rounds + 1):
            say(f"endpoint, round {number} of {sizes.rounds}")
            began = subject.device.now_s(endpoint.pid)
            ids = endpoint.post(wanted)
            with subject.device.watched() as watch:  # while half of them wait
                endpoint.take(ids[: len(ids) // 2])
            endpoint.take(ids[len(ids) // 2 :])
            served.endpoint.append(subject.device.now_s(endpoint.pid) - began)
            shares += [] if watch.busy is None else [watch.busy]
            say(f"engine alone, round {number} of {sizes.rounds}")
            served.alone.append(seconds(subject, alone))
    served.busy = median(shares) if shares else None
    return served


class Endpoint:
    """A running endpoint, as a caller of the API sees it."""

    def __init__(self, pid: int, url: str, key: str, picture_url: Callable[[Job], str], side: int) -> None:
        self.pid = pid
        self._url = url
        self._picture_url = picture_url
        self._side = side
        self._posted_s = 0.0
        self._http = requests.Session()
        self._http.headers["API-Key"] = key

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def make(self, wanted: Sequence[Job]) -> None:
        """Have these images made, and fetch them."""
        self.take(self.post(wanted))

    def keep(self, wanted: Sequence[Job], in_flight: int) -> None:
        """Have these images made, so many at a time: as soon as one is fetched, the next is asked for."""
        with ThreadPoolExecutor(in_flight) as pool:
            list(pool.map(lambda job: self.make([job]), wanted))

    def post(self, wanted: Sequence[Job]) -> list[str]:
        """Ask for these images; returns their ids."""
        self._posted_s = time.monotonic()
        return [self._answer("POST", self._url, json=self._edit(job))["id"] for job in wanted]

    def take(self, ids: Sequence[str]) -> None:
        """Fetch the images in turn, each as soon as it is there; raises ServiceError."""
        for job_id in ids:
            self._ask("GET", self._finished(job_id)["download_urls"][0])

    def _edit(self, job: Job) -> dict[str, object]:
        return {
            "prompt": f"picture {job.number}",
            "negative_prompt": "blurry",
            "init_image": self._picture_url(job),
            "width": self._side,
            "height": self._side,
            "num_inference_steps": job.kind.steps,
            "strength": job.kind.strength,
            "guidance_scale": job.kind.guidance,
            "scheduler": job.kind.scheduler,
            "seed": job.number,
        }

    def _finished(self, job_id: str) -> dict[str, Any]:
        end = time.monotonic() + ENDS_S
        while time.monotonic() < end:
            answer = self._answer("GET", f"{self._url}/status/{job_id}")
            if answer["status"] == "SUCCESS":
                return answer
            if answer["status"] != "PENDING":
                raise ServiceError(f"the endpoint answers {json.dumps(answer)[:200]}")
            time.sleep(max(LEAST_WAIT_S, WAIT * (time.monotonic() - self._posted_s)))
        raise ServiceError(f"the endpoint made no image within {ENDS_S:g} s")

    def _answer(self, method: str, url: str, **given: Any) -> dict[str, Any]:
        read: dict[str, Any] = self._ask(method, url, **given).json()
        return read

    def _ask(self, method: str, url: str, **given: Any) -> requests.Response:
        try:
            response = self._http.request(method, url, timeout=ANSWERS_S, **given)
            response.raise_for_status()
        except requests.RequestException as error:
            raise ServiceError(f"the endpoint does not answer: {error}") from None
        return response


@contextmanager
def _endpoint(subject: Subject, wanted: Sequence[Job], max_rows: int, in_flight: int) -> Iterator[Endpoint]:
    """The process, once it is ready. The model goes to it by a folder, the pictures by a small server."""
    with tempfile.TemporaryDirectory(prefix="retouch-bench-") as folder, Web(_pictures(subject, wanted)) as web:
        logging.disable_progress_bar()
        tiny_sd.save_parts(subject.parts, Path(folder, "model"))
        key = secrets.token_hex(16)
        child = Child("the endpoint", Path(folder, "endpoint.log"))
        command = [sys.executable, "-m", "workers.endpoint", "--engine", "diffusion", "--model", f"{folder}/model"]
        command += ["--device", subject.device.name, "--dtype", str(subject.parts.dtype).removeprefix("torch.")]
        command += ["--max-batch", str(max_rows), "--capacity", str(in_flight), "--private-hosts", web.host]
        threads = {} if subject.device.is_gpu else {"OMP_NUM_THREADS": "1"}
        child.launch(command, env=clean_environment(RETOUCH_API_KEY=key, **threads))
        try:
            url = child.wait_until(lambda: _url(child.output()), READY_S)
            child.wait_until(lambda: _ready(url), READY_S)
            endpoint = Endpoint(child.pid, url, key, lambda job: f"{web.url}/{job.number}.png", subject.side)
            try:
                yield endpoint
            finally:
                endpoint.close()
        finally:
            child.stop(grace_s=10.0)


def _pictures(subject: Subject, wanted: Sequence[Job]) -> Callable[[Any], tuple[int, bytes]]:
    pictures = {f"/{job.number}.png": _png(subject.picture(job)) for job in wanted}
    return lambda request: (200, pictures[request.path])


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _url(output: str) -> str | None:
    found = [json.loads(line)["url"] for line in output.splitlines() if line.startswith('{"url"')]
    return found[0] if found else None


def _ready(url: str) -> bool | None:
    health = requests.compat.urljoin(url, "/healthz")
    try:
        return True if requests.get(health, timeout=ANSWERS_S).ok else None
    except requests.RequestException:
        return None
