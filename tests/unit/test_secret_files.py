"""Secrets that stand in files: a variable ``…_FILE`` names each, for workers, producers, commands and the endpoint."""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

import pytest
import requests

from config.settings import Settings, load
from retouch.environment import SECRETS, VARIABLES, Environment, check_aws, check_names, secrets_of_files
from retouch.errors import InputError
from retouch.media.store import Store
from retouch.queue import EditQueue
from tests.harness.processes import RETOUCH, Ended, Process, run
from tests.harness.waiting import LIMIT_S
from workers.stack.child import clean_environment

SIGNER = "whsec_" + "cGxhbnRlZCB3ZWJob29rIHNlY3JldCBvZiBhIHRlc3Q="
VALUES = {
    "RETOUCH_API_KEY": "planted-key",
    "RETOUCH_REDIS_URL": "redis://:planted-password@127.0.0.1:1/0",
    "RETOUCH_SINKS": "https://example.com/planted-sink?name=other",
    "RETOUCH_WEBHOOK_SECRET": SIGNER,
    "RETOUCH_WEBHOOK_URL": "https://example.com/planted-path",
}


def written(folder: Path, name: str, text: str) -> str:
    """The path of a file that holds a secret."""
    path = folder / name.lower()
    path.write_text(text)
    return str(path)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Every secret in a file that ends as an editor ends it, by the variable that names the file."""
    return {f"{name}_FILE": written(tmp_path, name, f"{value}\n") for name, value in VALUES.items()}


@pytest.mark.parametrize(("end", "kept"), [("", ""), ("\n", ""), ("\r\n", ""), ("\n\n", "\n"), (" ", " ")])
def test_one_newline_at_the_end_is_no_part_of_a_secret(tmp_path: Path, end: str, kept: str) -> None:
    """An editor adds it; anything else is left as it is."""
    path = written(tmp_path, "key", f"planted{end}")
    assert secrets_of_files({"RETOUCH_API_KEY_FILE": path}) == {"RETOUCH_API_KEY": f"planted{kept}"}


def test_every_secret_of_a_worker_can_stand_in_a_file(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is as if the variable itself were set: no repr shows it, and logs are searched for it."""
    assert set(VALUES) == set(SECRETS)
    monkeypatch.setenv("RETOUCH_BUCKET", "bucket")
    for name, path in files.items():
        monkeypatch.setenv(name, path)
    settings = load()
    assert settings.api_key.get_secret_value() == "planted-key"
    assert (settings.redis_url, settings.webhook_url) == (VALUES["RETOUCH_REDIS_URL"], VALUES["RETOUCH_WEBHOOK_URL"])
    assert set(settings.secrets) >= {"planted-key", "planted-password", SIGNER}
    assert "planted" not in repr(settings) + str(settings)


def test_every_secret_setting_is_one_of_them() -> None:
    """A new setting that is hidden from ``repr`` can stand in a file too."""
    hidden = {
        name for name, field in Settings.model_fields.items() if not field.repr or "Secret" in str(field.annotation)
    }
    assert {f"RETOUCH_{name.upper()}" for name in hidden} == set(SECRETS)


def test_a_producer_reads_the_file_and_leaves_its_process_alone(files: dict[str, str]) -> None:
    """``EditQueue.from_env`` is called in the programs of others."""
    assert Environment.read(files).redis_url == VALUES["RETOUCH_REDIS_URL"]
    assert set(files) == {f"{name}_FILE" for name in VALUES}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"planted\xff", "is not a text in UTF-8"),
        (b"planted\0", "holds a NUL"),
        (b"planted" * 10_000, "is larger than 65536 bytes"),
    ],
)
def test_a_file_that_holds_no_secret_is_named(tmp_path: Path, content: bytes | None, reason: str) -> None:
    """With its variable and its path, and nothing of what it holds."""
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=reason) as told:
        secrets_of_files({"RETOUCH_API_KEY_FILE": str(path)})
    assert str(told.value).startswith(f"RETOUCH_API_KEY_FILE: {path} ")
    assert "planted" not in str(told.value)


@pytest.mark.parametrize("variable", ["RETOUCH_API_KEY_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
def test_a_pipe_to_which_nobody_writes_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """Its opening would wait for ever, without a word."""
    monkeypatch.setattr("retouch.environment._PIPE_WAIT_S", 0.01)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    read = check_aws if variable.startswith("AWS") else secrets_of_files
    with pytest.raises(InputError, match=f"^{variable}: {path} is a pipe, and nobody has written to it within"):
        read({variable: str(path)})


@pytest.mark.parametrize("parts", [[b"planted-key\n"], [b"planted", b"-key"]])
def test_a_pipe_is_read_to_its_end(tmp_path: Path, parts: list[bytes]) -> None:
    """As a shell makes it of ``<(…)``: the program at its other end may be slower than we are."""
    path = tmp_path / "pipe"
    os.mkfifo(path)

    def write() -> None:
        with path.open("wb", buffering=0) as pipe:
            for part in parts:
                pipe.write(part)

    writer = threading.Thread(target=write)
    writer.start()
    assert secrets_of_files({"RETOUCH_API_KEY_FILE": str(path)}) == {"RETOUCH_API_KEY": "planted-key"}
    writer.join()


@pytest.mark.parametrize("value", ["planted", "secrets/planted", "redis://:planted@host/0"])
def test_a_secret_in_the_place_of_its_path_is_not_shown(value: str) -> None:
    """It is an easy mistake."""
    with pytest.raises(InputError, match="RETOUCH_REDIS_URL_FILE must be the absolute path of a file") as told:
        secrets_of_files({"RETOUCH_REDIS_URL_FILE": value})
    assert "planted" not in str(told.value)


def test_a_secret_that_is_given_twice_is_refused(files: dict[str, str]) -> None:
    """Nobody could tell which one holds; one that is empty is not set."""
    for name in VALUES:
        with pytest.raises(InputError, match=f"{name} and {name}_FILE are both set"):
            secrets_of_files({**files, name: "planted"})
        assert secrets_of_files({**files, name: ""}) == VALUES
        assert secrets_of_files({name: "planted", f"{name}_FILE": ""}) == {}


def test_a_mistyped_file_is_refused(files: dict[str, str]) -> None:
    """Also a file for a setting that is no secret: nobody would read it."""
    check_names(files)
    for given, meant in [("RETOUCH_API_KEY_FIEL", "RETOUCH_API_KEY_FILE"), ("RETOUCH_LEASE_FILE", "RETOUCH_LEASE")]:
        with pytest.raises(InputError, match=f"{given} is no setting; did you mean {meant}"):
            check_names({given: "/run/secrets/x"})
    check_names({**files, "RETOUCH_API_KEY_OLD": "old"})


def test_a_credentials_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """boto3 passes over it, and may find other credentials; an empty one (``/dev/null``) is a way to say: none."""
    path = tmp_path / "aws"
    with pytest.raises(InputError, match=f"AWS_SHARED_CREDENTIALS_FILE: {path} cannot be read: No such file"):
        check_aws({"AWS_SHARED_CREDENTIALS_FILE": str(path)})
    path.touch()
    check_aws({"AWS_SHARED_CREDENTIALS_FILE": str(path)})


def test_a_home_folder_in_the_path_of_a_credentials_file_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As boto3 finds it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "aws").touch()
    for path in ("~/aws", "$HOME/aws"):
        check_aws({"AWS_SHARED_CREDENTIALS_FILE": path})


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
def test_a_file_for_one_key_of_aws_is_refused(name: str) -> None:
    """AWS's libraries have a file for all of them, and would not read this one."""
    with pytest.raises(InputError, match=f"{name}_FILE is read by nobody.*AWS_SHARED_CREDENTIALS_FILE"):
        check_aws({f"{name}_FILE": "/run/secrets/key"})
    check_aws({f"{name}_FILE": "/run/secrets/key", name: "set by another program, from the file"})


def ended(*command: str | Path, **variables: str) -> Ended:
    """Run a program of ours to its end."""
    return run(command, env=clean_environment(**variables))


def test_the_command_line_reads_its_secrets_from_files(files: dict[str, str]) -> None:
    """Redis is looked for where the file says, and nothing of the password is shown."""
    told = ended(RETOUCH, "status", RETOUCH_REDIS_URL_FILE=files["RETOUCH_REDIS_URL_FILE"])
    assert (told.code, told.out) == (6, "")
    assert "redis://127.0.0.1:1/0" in told.err
    assert "planted" not in told.err


NOBODY = {f"{name}_FILE": "/nope" for name in (*SECRETS, "AWS_SHARED_CREDENTIALS", "AWS_SESSION_TOKEN")}


@pytest.mark.parametrize(
    ("command", "needed", "code"),
    [
        (["status"], "RETOUCH_REDIS_URL", 6),
        (["enqueue", "m.jsonl"], "RETOUCH_REDIS_URL", 2),
        (["status", "--help"], "", 0),
        (["fields"], "", 0),
        (["--help"], "", 0),
        (["--version"], "", 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_reads_no_secret_that_it_does_not_use(command: list[str], needed: str, code: int) -> None:
    """Workers and commands can share one file of variables; a machine that only asks need not hold every secret."""
    unread = {name: path for name, path in NOBODY.items() if name != f"{needed}_FILE"}
    own = {needed: VALUES[needed]} if needed else {}
    told = ended(RETOUCH, *command, **unread, **own)
    assert (told.code, "nope" in told.err) == (code, False), told.err
    if needed:
        told = ended(RETOUCH, *command, **NOBODY)
        assert (told.code, f"{needed}_FILE: /nope cannot be read" in told.err) == (2, True)


def test_an_option_is_used_in_place_of_a_file() -> None:
    """As it is in place of a variable."""
    told = ended(RETOUCH, "status", "--redis-url", VALUES["RETOUCH_REDIS_URL"], **NOBODY)
    assert (told.code, "nope" in told.err) == (6, False)


def test_a_shell_completes_with_what_it_can_read(redis_url: str, tmp_path: Path) -> None:
    """The server of the file; without an error where there is none."""
    EditQueue.from_url(redis_url, timeout_s=LIMIT_S).enqueue(
        [{"custom_id": "a", "prompt": "x", "init_image": "https://e.com/a"}], batch="ba"
    )
    asked = {"_RETOUCH_COMPLETE": "complete_bash", "COMP_WORDS": "retouch status b", "COMP_CWORD": "2"}
    told = ended(RETOUCH, **asked, **NOBODY | {"RETOUCH_REDIS_URL_FILE": written(tmp_path, "url", redis_url)})
    assert (told.out.split(), told.err) == (["ba"], "")
    told = ended(RETOUCH, **asked, **NOBODY)
    assert (told.out.split(), told.err) == ([], "")


def test_a_producer_reads_no_secret_that_it_does_not_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs Redis alone, until it has pictures for S3."""
    for name, path in NOBODY.items():
        if name != "RETOUCH_REDIS_URL_FILE":
            monkeypatch.setenv(name, path)
    EditQueue.from_env().close()
    with pytest.raises(InputError, match="AWS_SHARED_CREDENTIALS_FILE: /nope cannot be read"):
        Store("bucket").presign_get("s3://bucket/key", 60)
    monkeypatch.setenv("RETOUCH_REDIS_URL_FILE", "/nope")
    with pytest.raises(InputError, match="RETOUCH_REDIS_URL_FILE: /nope cannot be read"):
        EditQueue.from_env()


def test_a_worker_reads_every_secret_at_its_start(monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> None:
    """It uses all of them, and not before hours perhaps."""
    for name, path in {**files, "RETOUCH_BUCKET": "bucket"}.items():
        monkeypatch.setenv(name, path)
    for name in NOBODY:
        with monkeypatch.context() as wrong:
            wrong.setenv(name, "/nope")
            with pytest.raises(InputError, match=name):
                load()


@pytest.mark.parametrize(
    "program",
    [
        [RETOUCH, "doctor"],
        [sys.executable, "-m", "workers.endpoint"],
        [sys.executable, "-m", "celery", "-A", "workers", "worker"],
    ],
    ids=["command", "endpoint", "worker"],
)
def test_no_program_starts_without_its_secret(program: list[str | Path], tmp_path: Path) -> None:
    """One sentence, exit code 2, no traceback."""
    path = tmp_path / "none"
    told = ended(*program, RETOUCH_API_KEY_FILE=str(path), RETOUCH_BUCKET="bucket")
    assert told.code == 2
    [sentence] = told.err.splitlines()
    assert sentence.endswith(f"RETOUCH_API_KEY_FILE: {path} cannot be read: No such file or directory")


def test_the_endpoint_reads_its_key_from_a_file(files: dict[str, str]) -> None:
    """It asks for that one."""
    env = clean_environment(RETOUCH_API_KEY_FILE=files["RETOUCH_API_KEY_FILE"])
    with Process([sys.executable, "-m", "workers.endpoint"], env=env) as endpoint:
        url = json.loads(endpoint.out.line())["url"].partition("/sd/")[0] + "/_record"
        assert requests.get(url, headers={"API-Key": "planted-key"}, timeout=LIMIT_S).ok
        assert requests.get(url, headers={"API-Key": "another"}, timeout=LIMIT_S).status_code == 401


def test_the_endpoint_reads_its_key_alone(files: dict[str, str]) -> None:
    """And not even that where an option gives another, or for its help."""
    others = {name: path for name, path in NOBODY.items() if name != "RETOUCH_API_KEY_FILE"}
    program = [sys.executable, "-m", "workers.endpoint"]
    for arguments, env in [
        ([], {**others, "RETOUCH_API_KEY_FILE": files["RETOUCH_API_KEY_FILE"]}),
        (["--api-key", "another"], NOBODY),
    ]:
        with Process([*program, *arguments], env=clean_environment(**env)) as endpoint:
            assert "url" in json.loads(endpoint.out.line())
    assert ended(*program, "--help", **NOBODY).code == 0
    told = ended(*program, RETOUCH_API_KEY="a", RETOUCH_API_KEY_FILE=files["RETOUCH_API_KEY_FILE"])
    assert (told.code, "are both set" in told.err) == (2, True)


# What leads to a person's own services: events of the stack would be posted there, and its pictures stored.
ELSEWHERE = {
    *(f"{name}{end}" for name in SECRETS for end in ("", "_FILE")),
    *("RETOUCH_API_URL", "RETOUCH_BUCKET", "RETOUCH_PREFIX", "RETOUCH_NAMESPACE", "RETOUCH_PRIVATE_HOSTS"),
    *("RETOUCH_URL", "RETOUCH_TOKEN", "RETOUCH_PLAIN_HTTP", "RETOUCH_LISTENER_QUEUE", "RETOUCH_RECIPES"),
    "RETOUCH_SENDER",  # it sends nothing
    *("RETOUCH_PYTHON", "RETOUCH_REDIS_URI", "AWS_PROFILE", "CELERY_WORKER_CONCURRENCY", "CELERY_WORKER_LOGLEVEL"),
}


def test_a_stack_takes_from_outside_what_changes_its_work_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its services have keys of their own, and it posts no events; limits and times can be tried with it."""
    known = VARIABLES | ELSEWHERE
    for name in known:
        monkeypatch.setenv(name, "a person's")
    assert known & set(clean_environment()) == VARIABLES - ELSEWHERE
    assert clean_environment(RETOUCH_WEBHOOK_URL="own")["RETOUCH_WEBHOOK_URL"] == "own"
    assert clean_environment(RETOUCH_LEASE="own")["RETOUCH_LEASE"] == "own"
