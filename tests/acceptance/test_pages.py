"""Every command and every Python example of the pages, run as a reader runs them, one page after the other."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import requests

from retouch import EditQueue
from tests.harness.page_script import PageScript
from tests.harness.pages import blocks, pages
from tests.harness.pictures import FOLDER
from tests.harness.processes import Process
from tests.harness.waiting import until
from tests.harness.web import Web
from workers.stack.child import ROOT
from workers.stack.stack import Stack

pytestmark = pytest.mark.slow

# Beginnings of commands that cannot be run here, and why. tests/unit/test_pages.py holds that their options exist.
LEFT_OUT = {
    r"scripts/|\.ci/run": "takes minutes, makes .venv anew, or is this test suite; each has tests of its own",
    r"python -m (scripts|tests)\.": "takes minutes",
    r"(source )?\.venv-diffusion/": "needs 3 GB of libraries; scripts/test --diffusion runs them",
    r"python -m workers\.stack": "runs already, beside every page; tests/acceptance/test_stack.py starts it",
    r"(sudo )?(apt|apt-get|brew|git|pip|python -m pip|python -m venv) ": "changes the machine, or needs a network",
    r"(sudo )?(docker|dockerd|kubectl|systemctl|helm) ": "needs an engine; scripts/compose-test runs it",
    r"aws ": "needs an account",
    r"python -m workers\.gateway": "runs already, in the stack; tests/acceptance/test_gateway_death.py starts it",
    r"python -m workers\.listener": "needs a queue of SQS; tests/acceptance/test_listener.py has one",
    r"retouch sinks (replay|drop) ": "needs a sink of that name; tests/unit/cli/test_sinks.py has some",
    **{rf"{name} ": "is not installed here" for name in ("curl", "jq") if not shutil.which(name)},
}
# Those that run until they are stopped, and what they write when they are ready.
ENDLESS = {r"celery -A workers worker": " ready.", r"retouch page": "#link=", r"retouch events\b.*--follow": ""}
# What the pages' commands find in the folder that they are run in.
CHECKOUT = (".env.example", "config", "docker-compose.yml", "docs", "retouch", "scripts", "tasks", "workers")
API = ROOT / "docs" / "api.md"  # made by scripts/reference; its blocks are signatures
PHOTOS = ("cat", "dog", "fox")
RECIPE = "daily.toml"  # which another page has readers save
DROP = "drop.toml"  # with which a page starts the stack
BUCKET, KEY = "photos", "cat2.jpg"  # the picture in S3 that examples name
WITHIN_S = 120.0
PAGE_WITHIN_S = 270.0  # some have a hundred commands: half a minute on an idle machine


def saved(name: str) -> str:
    """The recipe that readers save under this name."""
    [text] = [block.text for block in blocks((ROOT / "docs" / "triggers.md").read_text()) if block.file == name]
    return text


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The embedded stack, as ``python -m workers.stack`` runs it, with the pictures that examples name."""
    recipe = tmp_path_factory.mktemp("recipes") / DROP
    recipe.write_text(saved(DROP))
    stack = Stack(tmp_path_factory.mktemp("stack"), gateway=True, recipes=[recipe])
    try:
        stack.start()
        stack.s3.client().upload_file(FOLDER / "exif-rotated.jpg", BUCKET, KEY)
        yield stack
    finally:
        stack.kill()


@pytest.fixture
def environment(stack: Stack, pictures: Web) -> Iterator[dict[str, str]]:
    """The export lines of the stack, which is empty again afterwards."""
    assert stack.gateway
    stack.gateway.make_key(stack.valkey.url, [stack.s3.bucket, BUCKET])
    environment = dict(stack.environment)
    environment["RETOUCH_PRIVATE_HOSTS"] += f",{pictures.host}"
    yield environment
    trouble = f"http://{stack.endpoint.host}/_faults"
    key = {"API-Key": environment["RETOUCH_API_KEY"]}
    requests.put(trouble, json=[], headers=key, timeout=WITHIN_S).raise_for_status()
    with EditQueue.from_url(stack.valkey.url) as queue:
        queue.resume()
        for view in queue.batches(1000):
            if not view.finished:
                queue.cancel(view.batch)
                queue.wait(view.batch, timeout_s=WITHIN_S)
        with redis.Redis.from_url(stack.valkey.url) as client:
            client.flushall()
        s3, bucket = stack.s3.client(), stack.s3.bucket
        while kept := s3.list_objects_v2(Bucket=bucket).get("Contents"):
            s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": each["Key"]} for each in kept]})
        until(queue.workers, "the worker is seen again")


@pytest.fixture
def folder(tmp_path: Path, environment: dict[str, str]) -> Path:
    """Where a reader stands: in the checkout, with a folder of photos and what README's stack has written."""
    for name in CHECKOUT:
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "photos").mkdir()
    for name in PHOTOS:
        shutil.copy(FOLDER / "palette.png", tmp_path / "photos" / f"{name}.png")
        (tmp_path / "photos" / f"{name}.txt").write_text(f"a {name} in a garden\n")
    shutil.copy(ROOT / "scripts" / "samples" / "lighthouse.jpg", tmp_path / "photos")
    (tmp_path / "photos" / "lighthouse.txt").write_text("a lighthouse by the sea\n")
    shutil.copy(FOLDER / "exif-rotated.jpg", tmp_path / "cat3.jpg")
    (tmp_path / RECIPE).write_text(saved(RECIPE))
    (tmp_path / ".retouch").mkdir()
    lines = [f"export {name}='{value}'\n" for name, value in environment.items()]
    (tmp_path / ".retouch" / "env").write_text("".join(lines))
    return tmp_path


RUNNABLE = [path for path in pages() if path != API and not PageScript(path.read_text(), left_out=LEFT_OUT).empty]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", RUNNABLE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_page_runs(page: Path, folder: Path, environment: dict[str, str], pictures: Web) -> None:
    """From top to bottom, in one shell, each command and each example with the exit code that the page says."""
    names = {
        r"https://([\w-]+\.)*example\.com/": f"{pictures.url}/",
        r"redis://localhost:6379/0": environment["RETOUCH_REDIS_URL"],
        r"range\(1000\)": "range(3)",  # a thousand pictures tell no more, and take minutes
    }
    script = PageScript(page.read_text(), left_out=LEFT_OUT, endless=ENDLESS, names=names)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    own = {"HOME": str(folder), "PATH": path, "PAGE": page.name, "LANG": "C.UTF-8"}
    with Process(["bash", "-eu", script.write(folder)], cwd=folder, env=environment | own, merged=True) as process:
        code, said, _ = process.end(PAGE_WITHIN_S)
    assert code == 0, said
