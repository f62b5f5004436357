"""A picture that is dropped into a bucket of the local S3 server: it tells the gateway, which makes an edit."""

from __future__ import annotations

import json
import time
from pathlib import Path

from scripts.compose.docker import FailedError, Project

BUCKET, BATCH, PICTURE = "photos", "dropped", "lighthouse.jpg"
RECIPE = f"""\
bucket = "{BUCKET}"
key = "drop/{{name}}.{{ext}}"
batch = "{BATCH}"

[edit]
prompt = "an oil painting of {{name}}"
"""
NOTIFICATIONS = """\
[notification.webhook]
enabled = true
endpoint = "http://gateway:8080/v1/notifications"
bearer_token = "{token}"
timeout_seconds = 60
event_types = ["create", "update"]
path_prefixes = ["/buckets/{bucket}/drop/"]
"""
SETTINGS = """
COMPOSE_PROFILES=local,gateway
GATEWAY_PORT=0
RETOUCH_RECIPES=./recipes
SEAWEEDFS_NOTIFICATIONS=./notification.toml
"""
PUT = f"import boto3; boto3.client('s3').upload_file('/work/{PICTURE}', '{BUCKET}', 'drop/{PICTURE}')"
FIRST_S = 60.0  # until the batch is there


def drop(project: Project, samples: Path) -> list[str]:
    """Set all of it up, as docs/compose.md says; returns the state of each edit that came of it."""
    _configure(project, samples)
    project.compose("up", "--detach", "--wait", "--scale", "worker=1")
    run = ("run", "--rm", "--no-TTY", "--no-deps", "--volume", f"{samples}:/work", "--entrypoint", "python", "cli")
    project.compose(*run, "-c", PUT)
    _await_batch(project, samples)
    project.cli("watch", BATCH, work=samples, shown=True)
    results = project.cli("results", BATCH, work=samples).splitlines()
    return [str(json.loads(line)["state"]) for line in results]


def _configure(project: Project, samples: Path) -> None:
    token = project.cli("keys", "create", "store", "--scope", "submit", "--inputs", f"s3://{BUCKET}/", work=samples)
    (project.folder / "recipes").mkdir()
    (project.folder / "recipes" / "drop.toml").write_text(RECIPE)
    (project.folder / "notification.toml").write_text(NOTIFICATIONS.format(token=token.strip(), bucket=BUCKET))
    env = project.folder / ".env"
    env.write_text(env.read_text().replace("\nCOMPOSE_PROFILES=local\n", "\n") + SETTINGS)


def _await_batch(project: Project, samples: Path) -> None:
    until = time.monotonic() + FIRST_S
    while True:
        try:
            project.cli("status", BATCH, work=samples)
        except FailedError:
            if time.monotonic() > until:
                raise
        else:
            return
