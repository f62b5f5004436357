"""An S3 server with users that may do no more than a policy says."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from workers.stack.s3 import REGION, S3

_CONFIG = Config(retries={"max_attempts": 0}, connect_timeout=5, s3={"addressing_style": "path"})


class GuardedS3(S3):
    """``policies``: users by name, each with its policy, as Amazon's IAM has it."""

    def __init__(self, data_dir: Path, bucket: str, policies: Mapping[str, Any]) -> None:
        self._policies = policies
        self._user_secret = secrets.token_hex(20)
        super().__init__(data_dir, bucket)

    def client_of(self, user: str) -> Any:
        """A client with the rights of a user; only once started."""
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=user,
            aws_secret_access_key=self._user_secret,
            region_name=REGION,
            config=_CONFIG,
        )

    def _keep_credentials(self) -> tuple[str, str]:
        own = super()._keep_credentials()
        config = json.loads(self._config.read_text())
        for user, policy in self._policies.items():
            pair = {"accessKey": user, "secretKey": self._user_secret}
            config["identities"].append({"name": user, "credentials": [pair], "policyNames": [user]})
            config.setdefault("policies", []).append({"name": user, "content": json.dumps(policy)})
        self._config.write_text(json.dumps(config))
        return own
