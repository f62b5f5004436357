"""``retouch doctor``: each thing that a batch needs, checked one by one, with what to do about it."""

from __future__ import annotations

from typing import Annotated

import typer

from retouch.cli.options import DEFAULT_REDIS_URL, Bucket, Prefix, RedisUrl
from retouch.cli.terminal import ExitCode, printable


def doctor(
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
    api_url: Annotated[
        str, typer.Option(envvar="RETOUCH_API_URL", metavar="URL", show_default=False, help="The img2img API.")
    ] = "https://api.imagepipeline.io/sd/image2image/v1",
    api_key: Annotated[
        str,
        typer.Option(
            envvar="RETOUCH_API_KEY", metavar="KEY", show_default=False, help="Its key; rather set the variable."
        ),
    ] = "",
    bucket: Bucket = "",
    prefix: Prefix = "",
) -> None:
    """Check Redis, the workers, the API and the bucket; end the pauses whose cause is mended.

    Exit code 0: all is well; 6: something is not.
    """
    from retouch.cli import checks  # noqa: PLC0415 - HTTP and S3 libraries, which no other command should wait for

    findings = [
        *checks.redis_findings(redis_url),
        *checks.api_findings(redis_url, api_url, api_key),
        *checks.store_findings(redis_url, bucket, prefix),
        *checks.pause_findings(redis_url),
    ]
    for finding in findings:
        typer.echo(printable(str(finding)))
    if not all(finding.ok for finding in findings):
        raise typer.Exit(ExitCode.SERVICE)
