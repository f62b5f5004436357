"""The settings that every process of an installation has: where Redis and the bucket are."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from retouch.bucket_names import check_bucket, check_prefix
from retouch.environment import SECRETS, check_aws, check_names, secrets_of_files
from retouch.errors import InputError
from retouch.ledger import DEFAULT_NAMESPACE, Address
from retouch.ledger.keys import check_namespace
from retouch.net.addresses import PrivateHosts

PREFIX = "RETOUCH_"
_AWS_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")  # boto3 reads them; here only to keep them out of logs

T = TypeVar("T", bound="InstallationSettings")


class InstallationSettings(BaseSettings):
    """What workers and the gateway share; each field is read from ``RETOUCH_`` and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore")

    redis_url: Annotated[str, Field(repr=False, description="The ledger and Celery's broker.")] = (
        "redis://localhost:6379/0"
    )
    namespace: Annotated[
        str,
        Field(description="Every key in Redis begins with it: installations with different names can share one Redis."),
    ] = DEFAULT_NAMESPACE
    bucket: Annotated[str, Field(description="The S3 bucket for results.")]
    prefix: Annotated[str, Field(description="Put before every key in the bucket, such as 'edits/'.")] = ""
    private_hosts: Annotated[
        str,
        Field(description="host or host:port, comma separated: hosts that may be called although they are not public."),
    ] = ""

    @field_validator("redis_url")
    @classmethod
    def _redis_url(cls, value: str) -> str:
        as_value_error(lambda: Address.parse(value))
        return value

    @field_validator("bucket")
    @classmethod
    def _bucket_name(cls, value: str) -> str:
        as_value_error(lambda: check_bucket(value, "RETOUCH_BUCKET"))
        return value

    @field_validator("prefix")
    @classmethod
    def _key_prefix(cls, value: str) -> str:
        as_value_error(lambda: check_prefix(value, "RETOUCH_PREFIX"))
        return value

    @field_validator("namespace")
    @classmethod
    def _namespace(cls, value: str) -> str:
        as_value_error(lambda: check_namespace(value))
        return value

    @field_validator("private_hosts")
    @classmethod
    def _hosts(cls, value: str) -> str:
        as_value_error(lambda: PrivateHosts.parse(value))
        return value

    @property
    def redis(self) -> Address:
        """Where the ledger and the broker are."""
        return Address.parse(self.redis_url)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that no log line may hold."""
        others = [*self.redis.secrets, *(os.environ.get(name) for name in _AWS_SECRETS)]
        return tuple(secret for secret in others if secret)


def as_value_error(check: Callable[[], object]) -> None:
    """Run a check, whose InputError becomes the ValueError that pydantic takes."""
    try:
        check()
    except InputError as error:
        raise ValueError(str(error)) from None


def read(kind: type[T]) -> T:
    """Read the environment; raises InputError in one sentence that names the first wrong variable, or mistyped name."""
    check_names()
    check_aws()
    own = [name for name in SECRETS if name.removeprefix(PREFIX).lower() in kind.model_fields]
    of_files: dict[str, Any] = {
        name.removeprefix(PREFIX).lower(): text for name, text in secrets_of_files(names=own).items()
    }
    try:
        return kind(**of_files)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        message = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
        if not detail["loc"]:
            raise InputError(message) from None
        variable = PREFIX + str(detail["loc"][0]).upper()
        message = message.removeprefix(f"{variable} ")
        if detail["type"] == "missing":
            field = kind.model_fields[str(detail["loc"][0])]
            raise InputError(f"{variable} is missing. {field.description}") from None
        raise InputError(f"{variable} {message}") from None
