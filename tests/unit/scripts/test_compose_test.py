"""``scripts/compose-test``: what it finds wrong, and what it says where there is no Docker engine to run on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts.compose import docker, images
from scripts.compose.__main__ import main
from scripts.compose.docker import FailedError, MissingError, Project
from scripts.compose.judge import broken_promises

ROOT = Path(__file__).parents[3]
EDIT = {"custom_id": "a", "prompt": "a cat"}


def result(state: str = "completed", *, marked: bool = False, name: str = "a") -> dict[str, Any]:
    """A line of ``retouch results``."""
    return {"custom_id": name, "state": state, "possible_duplicate": marked}


def record(times: int) -> list[dict[str, Any]]:
    """The endpoint's record of so many submits."""
    others = [{"kind": "status", "prompt": "a cat"}] * 3
    return [*others, *[{"kind": "submit", "prompt": "a cat"}] * times]


@pytest.mark.parametrize(
    ("results", "times", "wrong"),
    [
        ([result()], 1, []),
        ([result(marked=True)], 2, []),
        ([result(marked=True)], 1, []),
        ([result()], 2, ["a was sent 2 times, 1 allowed"]),
        ([result(marked=True)], 3, ["a was sent 3 times, 2 allowed"]),
        ([result()], 0, ["a was sent 0 times, 1 allowed"]),
        ([result("failed")], 1, ["a is failed"]),
        ([], 1, ["a is lost"]),
        ([result(), result(name="b")], 1, ["b was never enqueued"]),
    ],
)
def test_what_is_wrong_is_told(results: list[dict[str, Any]], times: int, wrong: list[str]) -> None:
    """An edit that is not completed, or was sent more often than its mark allows."""
    assert broken_promises([EDIT], results, record(times)) == wrong


@pytest.fixture
def fake_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a ``docker`` command that is still to be written; no other is found."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "docker"


def write(path: Path, *lines: str) -> None:
    """Write a program of the shell's."""
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


ENGINE = '[ "$1" = info ] && echo 28.0 && exit'


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "there is no `docker` command.*apt-get install"),
        (["echo 'Cannot connect' >&2; exit 1"], r"does not answer \(docker info: Cannot connect\); start it"),
        ([ENGINE, "exit 1"], "`docker compose` is not installed.*apt-get install"),
        ([ENGINE, "echo 1.29.2"], "Docker Compose 1.29.2 is too old: 2.20 or newer is needed"),
        ([ENGINE, "echo v2.19.9"], "too old"),
    ],
)
def test_without_an_engine_it_says_what_to_install(
    fake_docker: Path, lines: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence, exit code 2."""
    if lines:
        write(fake_docker, *lines)
    with pytest.raises(MissingError, match=said):
        docker.check()


def test_without_an_engine_the_exit_code_is_2(
    fake_docker: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever calls it can tell that from a failure."""
    monkeypatch.setattr("sys.argv", ["compose-test"])
    assert main() == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("compose-test: there is no `docker` command")


@pytest.mark.parametrize("version", ["2.20.2", "v2.39.1", "2.26.1-4", "5.0.0"])
def test_an_engine_that_will_do_is_named(fake_docker: Path, version: str) -> None:
    """With its version and that of Compose."""
    write(fake_docker, ENGINE, f"echo {version}")
    assert docker.check() == f"engine 28.0, Compose {version}"


def test_the_shell_does_not_lead_it_elsewhere(fake_docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of Retouch, AWS and Compose come from the test's own .env; the engine stays the person's."""
    for name in ("COMPOSE_FILE", "RETOUCH_BUCKET", "AWS_REGION", "DOCKER_HOST"):
        monkeypatch.setenv(name, "planted")
    write(fake_docker, "export -p")
    seen = Project("p", fake_docker.parent).compose("config")
    assert "DOCKER_HOST=" in seen
    assert seen.count("planted") == 1


def test_a_command_that_fails_is_told_by_its_last_line(fake_docker: Path) -> None:
    """That is where Docker says why."""
    write(fake_docker, "echo first >&2; echo last >&2; exit 3")
    with pytest.raises(FailedError, match=r"^docker image: last$"):
        docker.docker("image", "ls")


def test_stand_ins_have_the_names_that_are_asked_for() -> None:
    """All images of compose file and Dockerfile that are not made here."""
    pinned = (ROOT / "Dockerfile").read_text() + (ROOT / "docker-compose.yml").read_text()
    names = [images.image(word, pinned) for word in images.REPOSITORIES]
    assert [name.partition(":")[0] for name in names] == ["python", "valkey/valkey", "chrislusf/seaweedfs"]
    with pytest.raises(FailedError, match="no image postgres"):
        images.image("postgres", pinned)


def test_what_the_image_installs_is_chosen_for_its_python() -> None:
    """Not for the one that downloads it, and without what follows [local]."""
    text = (
        "a==1 \\\n    --hash=sha256:00\nb==2 ; python_full_version < '3.11.3' \\\nc==3 ; sys_platform == 'win32' \\\n"
        "# [local]\nd==4 \\\n"
    )
    assert list(images.pins(text, "3.11.2")) == ["a==1", "b==2"]
    assert list(images.pins(text, "3.11.9")) == ["a==1"]
