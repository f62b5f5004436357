"""``retouch doctor``: checks everything that a batch needs, and says what to do."""

from __future__ import annotations

from typing import Annotated

import typer

from retouch.cli.options import Bucket, Prefix, RedisUrl, of_file
from retouch.cli.terminal import ExitCode, printable
from retouch.environment import DEFAULT_REDIS_URL


def doctor(
    redis_url: RedisUrl = DEFAULT_REDIS_URL,
    api_url: Annotated[
        str, typer.Option(envvar="RETOUCH_API_URL", metavar="URL", show_default=False, help="The img2img API.")
    ] = "https://api.imagepipeline.io/sd/image2image/v1",
    api_key: Annotated[
        str,
        typer.Option(
            envvar="RETOUCH_API_KEY",
            callback=of_file,
            metavar="KEY",
            show_default=False,
            help="The API key; better set the variable, since other users can see options.",
        ),
    ] = "",
    bucket: Bucket = "",
    prefix: Prefix = "",
) -> None:
    """Check Redis, the workers, the API, the bucket and the sinks of events, and say what is paused; changes nothing.

    Exit code 0: no problem was found; 6: a problem was found.

    Examples:
        retouch doctor
    """
    from retouch.cli import checks  # noqa: PLC0415 - loads HTTP and S3 libraries, which would slow down the other commands

    of_redis = list(checks.redis_findings(redis_url))
    findings = [
        *of_redis,
        checks.api_finding(api_url, api_key),
        checks.store_finding(bucket, prefix),
        *checks.link_findings(api_url, api_key, bucket),
        *((*checks.pause_findings(redis_url), *checks.sink_findings(redis_url)) if of_redis[0].ok else ()),
    ]
    for finding in findings:
        typer.echo(printable(str(finding)))
    if not all(finding.ok for finding in findings):
        raise typer.Exit(ExitCode.SERVICE)
