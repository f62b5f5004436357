"""``python -m workers.endpoint``: the local img2img endpoint, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from retouch.environment import check_names, secret
from retouch.errors import InputError, RetouchError
from retouch.net.addresses import PrivateHosts
from workers.endpoint.app import Options
from workers.endpoint.engines import DType, EngineName, choose_engine
from workers.endpoint.latency import Latency
from workers.endpoint.server import address_of, listen, serve

API_KEY = "RETOUCH_API_KEY"
cli = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@cli.command()
def run(
    ctx: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 0,
    api_keys: Annotated[
        list[str] | None,
        typer.Option(
            "--api-key",
            envvar=API_KEY,
            help="Key that callers must send; several (in the environment with blanks between them): any of them. "
            "Better set in the environment: options show in the process list. Without one, a key is made and "
            "printed on stderr.",
        ),
    ] = None,
    private_hosts: Annotated[
        str,
        typer.Option(
            envvar="RETOUCH_PRIVATE_HOSTS",
            help="host or host:port, comma separated: not public, and an init_image may be read from there.",
        ),
    ] = "",
    public_url: Annotated[
        str, typer.Option(help="Where callers reach this server, if not at the address it listens on.")
    ] = "",
    engine: Annotated[EngineName, typer.Option(help="What makes the pictures.")] = EngineName.STAND_IN,
    model: Annotated[
        Path | None,
        typer.Option(
            help="For --engine diffusion: a folder of diffusers, or one .safetensors, of Stable Diffusion 1.5."
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cuda, mps or cpu, where the model runs. Default: the first that is there.")
    ] = None,
    dtype: Annotated[
        DType | None, typer.Option(help="The model's numbers. Default: float16 on cuda, float32 elsewhere.")
    ] = None,
    max_batch: Annotated[
        int | None,
        typer.Option(min=2, help="Most rows of one call of the model; an image with guidance takes two. Default: 16."),
    ] = None,
    max_pixels: Annotated[
        int | None,
        typer.Option(min=4096, help="Most pixels of an image, width times height. Default: 1048576 (1024 x 1024)."),
    ] = None,
    fast: Annotated[
        bool,
        typer.Option("--fast", help="Calls of fewer rows where fewer images are in work: the last bits then vary."),
    ] = False,
    latency: Annotated[
        str, typer.Option(help="Seconds that an edit takes at least, or a range such as 0.2-0.8.")
    ] = "0",
    capacity: Annotated[
        int | None,
        typer.Option(min=1, help="Images worked on at once. Default: 16, or as many as two calls of the model take."),
    ] = None,
    max_queue: Annotated[
        int | None, typer.Option(min=0, help="Edits that may wait; beyond, 429. Default: no end.")
    ] = None,
    ignore_keys: Annotated[
        bool, typer.Option("--ignore-keys", help="Take the same Idempotency-Key again as another edit.")
    ] = False,
    unknown_pending: Annotated[
        bool, typer.Option("--unknown-pending", help="Answer PENDING for an unknown id, as Celery does.")
    ] = False,
    keep: Annotated[int, typer.Option(min=1, help="MiB of finished images kept in memory.")] = 1024,
    journal: Annotated[
        Path | None, typer.Option(help="File of the edits that were taken: started again on it, it still knows them.")
    ] = None,
    record: Annotated[Path | None, typer.Option(help="File to which one line of JSON a request is appended.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of latencies and of faults' chances.")] = 0,
    die_with_parent: Annotated[
        bool, typer.Option("--die-with-parent", help="End when the process that started this one ends.")
    ] = False,
) -> None:
    """Serve the img2img contract locally.

    Prints one line of JSON, {"url": …}, once it is listening. Edits are taken once the engine is ready: /healthz says
    that. Ends with exit code 6 if the engine does not start, or breaks.
    """
    try:
        check_names()
        hosts, seconds = PrivateHosts.parse(private_hosts), Latency.parse(latency)
        base = _checked(public_url)
        chosen = choose_engine(engine, model, device, dtype, max_batch, max_pixels, fast=fast)
        with listen(host, port) as sock:
            options = Options(
                api_keys=_keys(ctx, api_keys or []),
                public_url=base or address_of(sock),
                latency=seconds,
                capacity=capacity,
                max_queue=max_queue,
                honour_keys=not ignore_keys,
                unknown_pending=unknown_pending,
                keep_bytes=keep << 20,
                journal=journal,
                record=record,
                seed=seed,
            )
            asyncio.run(serve(sock, options, hosts, chosen, die_with_parent=die_with_parent))
    except RetouchError as error:
        _fail(str(error), 2 if isinstance(error, InputError) else 6)
    except OSError as error:
        _fail(f"{error.filename or 'the endpoint'}: {error.strerror}", 6)


def main() -> None:
    """Run the command; ends the process."""
    _log_to_stderr()
    code: object = 0
    try:
        cli(prog_name="python -m workers.endpoint")
    except SystemExit as end:
        code = end.code
    if any(thread.daemon for thread in threading.enumerate()):  # a model that loads, or is in the middle of a step
        sys.stdout.flush()
        os._exit(code if isinstance(code, int) else 1)  # Python would pull the ground from under it
    sys.exit(code if isinstance(code, int) else 1)


def _log_to_stderr() -> None:
    """Show what the endpoint's own modules tell; of others, only warnings."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("endpoint: %(message)s"))
    logger = logging.getLogger("workers.endpoint")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


def _keys(ctx: typer.Context, given: list[str]) -> list[bytes]:
    source = ctx.get_parameter_source("api_keys")
    if not source or source.name != "COMMANDLINE":  # else the file is not used
        given = secret(API_KEY).split()
    if keys := [key.encode() for key in given if key]:
        return keys
    made = secrets.token_urlsafe(24)
    sys.stderr.write(f"endpoint: RETOUCH_API_KEY is not set; this run's key is {made}\n")
    return [made.encode()]


def _checked(public_url: str) -> str:
    if public_url and not public_url.startswith(("http://", "https://")):
        raise InputError(f"--public-url {public_url[:80]!r} is not an http or https URL")
    return public_url.rstrip("/")


def _fail(sentence: str, code: int) -> None:
    sys.stderr.write(f"endpoint: {sentence}\n")
    raise SystemExit(code)
