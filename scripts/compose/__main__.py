"""docker-compose.yml, run for real: 24 samples through two workers, one of which is killed while it works."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from retouch.signals import exit_code, raise_on
from scripts.compose import docker, images
from scripts.compose.docker import FailedError, MissingError, Project
from scripts.compose.drop import drop
from scripts.compose.judge import broken_promises
from scripts.mutation.checkout import Checkout
from workers.stack.child import ROOT

IMAGE, BATCH = "retouch:compose-test", "compose"
KEY = "key-of-this-test"
# An edit takes so long that the worker is killed in the middle of its work; the ports are free ones.
SETTINGS = f"IMAGE={IMAGE}\nENDPOINT_LATENCY=2-4\nVALKEY_PORT=0\nS3_PORT=0\n"
RECORD = (
    "import os, urllib.request as u; print(u.urlopen(u.Request('http://127.0.0.1:8000/_record?kind=submit',"
    " headers={'API-Key': open(os.environ['RETOUCH_API_KEY_FILE']).read().strip()})).read().decode())"
)
FIRST_SUBMIT_S = 120.0


def main() -> int:
    """Run the test: 0 if everything held, 1 if not, 2 where there is no engine to run it on."""
    arguments = _arguments()
    raise_on(signal.SIGTERM)
    began = time.monotonic()
    try:
        _say(f"Docker: {docker.check()}")
        with tempfile.TemporaryDirectory(prefix="retouch-compose-") as folder:
            wrong = _run(Path(folder), local_images=arguments.local_images)
    except KeyboardInterrupt as interrupt:
        return exit_code(interrupt)
    except MissingError as error:
        print(f"compose-test: {error}", file=sys.stderr)
        return 2
    except FailedError as error:
        hint = "; where no registry can be reached: --local-images" if "registry" in str(error) else ""
        print(f"compose-test: {error}{hint}", file=sys.stderr)
        return 1
    for sentence in wrong:
        print(f"compose-test: {sentence}", file=sys.stderr)
    _say(f"{'everything held' if not wrong else 'FAILED'}, {time.monotonic() - began:.0f} s in all")
    return 1 if wrong else 0


def _run(folder: Path, *, local_images: bool) -> list[str]:
    checkout = Checkout.of_tracked_files(ROOT, folder / "retouch").root
    _configure(checkout)
    project = Project(f"retouch-test-{os.getpid()}", checkout)
    made: list[str] = []
    try:
        if local_images:
            for name in images.make(checkout, folder):
                made.append(name)
                _say(f"making a stand-in for {name}")
        with _up(project):
            return _try(project, folder)
    finally:
        for name in [IMAGE, *reversed(made)]:
            if docker.has_image(name):
                docker.docker("image", "rm", name)
        _say("removed: containers, volumes, network and images of this test")


def _configure(checkout: Path) -> None:
    """Write .env after the example, with the keys in files: they are read from there too."""
    example = (checkout / ".env.example").read_text()
    secrets = checkout / "secrets"
    secrets.mkdir(mode=0o700)
    (secrets / "api_key").write_text(f"{KEY}\n")
    own = f"{SETTINGS}RETOUCH_API_KEY_FILE=./secrets/api_key\n"
    (checkout / ".env").write_text(example.replace("\nRETOUCH_API_KEY=local\n", "\n") + own)


@contextmanager
def _up(project: Project) -> Iterator[None]:
    try:
        _say("building the image, starting Valkey, S3, the endpoint and two workers")
        project.compose("up", "--build", "--detach", "--wait", "--scale", "worker=2")
        yield
    except FailedError:
        print(project.compose("logs", "--no-color", "--tail", "20"), file=sys.stderr)
        raise
    finally:
        project.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "5")


def _try(project: Project, folder: Path) -> list[str]:
    samples = project.folder / "scripts" / "samples"
    edits = [json.loads(line) for line in (samples / "manifest.jsonl").read_text().splitlines()]
    workers = project.containers("worker")
    logs = _Logs(workers, '"edit.submitted"')
    _say(f"retouch enqueue: {len(edits)} edits")
    project.cli("enqueue", "manifest.jsonl", "--batch", BATCH, work=samples, shown=True)
    victim = logs.first(FIRST_SUBMIT_S)
    docker.docker("kill", "--signal", "KILL", victim)
    _say("killed the worker (docker kill -s KILL) that sent the first edit, right after that")

    project.cli("watch", BATCH, work=samples, shown=True)
    project.cli("status", BATCH, work=samples, shown=True)
    results = [json.loads(line) for line in project.cli("results", BATCH, work=samples).splitlines()]
    record = json.loads(project.compose("exec", "--no-TTY", "endpoint", "python", "-c", RECORD))
    pictures = folder / "pictures"
    pictures.mkdir()
    project.cli("download", BATCH, ".", work=pictures, shown=True)

    wrong = broken_promises(edits, results, record)
    if project.containers("worker") != [worker for worker in workers if worker != victim]:
        wrong.append("the wrong workers are left")
    found = len(list(pictures.glob("*.png")))
    if found != len(edits):
        wrong.append(f"{found} of {len(edits)} pictures were downloaded")
    _report(results, record, found)
    states = drop(project, samples)
    _say(f"dropped a picture into a bucket; the states of its edits: {', '.join(states)}")
    if states != ["completed"]:
        wrong.append("a picture that was dropped into a bucket did not make one edit that completes")
    return wrong


def _report(results: list[dict[str, Any]], record: list[dict[str, Any]], pictures: int) -> None:
    completed = sum(result["state"] == "completed" for result in results)
    marked = sum(result["possible_duplicate"] for result in results)
    _say(
        f"{completed} edits completed, {pictures} pictures downloaded and checked; the endpoint was sent {len(record)}"
        f" edits; results marked as possible duplicates: {marked}"
    )


class _Logs:
    """Follows the logs of containers, and tells which one is the first to write a line with ``word``."""

    def __init__(self, containers: list[str], word: str) -> None:
        self._word = word
        self._found: Queue[str] = Queue()
        self._follow = {name: self._following(name) for name in containers}

    def first(self, within_s: float) -> str:
        try:
            return self._found.get(timeout=within_s)
        except Empty:
            raise FailedError(f"no worker wrote {self._word} within {within_s:.0f} s") from None
        finally:
            for process in self._follow.values():
                process.terminate()
                process.wait()

    def _following(self, container: str) -> subprocess.Popen[str]:
        command = ["docker", "logs", "--follow", "--tail", "0", container]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        threading.Thread(target=self._read, args=(process, container), daemon=True).start()
        return process

    def _read(self, process: subprocess.Popen[str], container: str) -> None:
        for line in process.stdout or ():
            if self._word in line:
                self._found.put(container)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/compose-test", description=__doc__)
    parser.add_argument(
        "--local-images",
        action="store_true",
        help="where no registry can be reached: make stand-ins for the images that the engine lacks (as root, with"
        " debootstrap)",
    )
    return parser.parse_args()


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
