"""The settings of the gateway, read from the environment once, at start."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from config.installation import InstallationSettings, read

MIB = 1024 * 1024


class GatewaySettings(InstallationSettings):
    """The gateway's settings; each field is read from ``RETOUCH_`` and its name in capitals."""

    gateway_max_body: Annotated[
        int, Field(ge=1, le=1_000_000, description="MiB of one request; its body is kept on disk while it is read.")
    ] = 256

    @property
    def max_body_bytes(self) -> int:
        """The most that a request may have, in bytes."""
        return self.gateway_max_body * MIB


class PageSettings(GatewaySettings):
    """Those of a page that runs alone: as of the command line, without a bucket there are no links to pictures."""

    model_config = SettingsConfigDict(validate_default=False)

    bucket: Annotated[str, Field(description="The S3 bucket for results.")] = ""


def load() -> GatewaySettings:
    """Read the environment; raises InputError in one sentence that names the first wrong variable, or mistyped name."""
    return read(GatewaySettings)


def load_page() -> PageSettings:
    """The same, of a page that runs alone."""
    return read(PageSettings)
