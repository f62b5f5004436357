"""``python -m workers.stack``: the embedded stack in the foreground.

stdout gets the ``export`` lines that a client in another terminal needs, once everything is ready, and
nothing else; stderr says what happens. Ctrl-C, SIGTERM or SIGHUP end it cleanly (exit 0), a second Ctrl-C at
once.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from retouch.errors import InputError, RetouchError
from retouch.plural import are
from retouch.signals import raise_on
from workers.endpoint.engines import check_model
from workers.endpoint.latency import Latency
from workers.stack.child import left_out, write_private
from workers.stack.endpoint import Model
from workers.stack.gateway import Gateway
from workers.stack.stack import Stack

_WATCH_S = 0.2  # how soon the end of a part or of the parent is seen


class ParentGoneError(RetouchError):
    """The process that started this one has ended."""


def main() -> int:
    """Run until told to end; returns the exit code: 2 for bad input, 1 if a part failed, each with one sentence."""
    args = _arguments()
    parent = os.getppid() if args.die_with_parent else None
    raise_on(signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    began = time.monotonic()
    try:
        options = {"workers": args.workers, "latency": args.latency, "capacity": args.capacity}
        parts = {"model": _model(args), "gateway": True, "recipes": args.recipe}
        with Stack(args.data, **options, **parts, tell=_tell) as stack:
            _announce(stack.environment, args.env_file)
            if names := left_out(stack.environment):
                _tell(
                    f"note: {', '.join(names)} {are(len(names))} not taken into the stack, whose parts have settings of"
                    " their own; to try such a setting, start a worker of your own beside it, with the export lines"
                )
            _tell(f"ready after {time.monotonic() - began:.1f} s; logs are in {stack.data_dir / 'logs'}")
            _tell(f"in a second terminal {_way_in(args.env_file)}, then use retouch there; Ctrl-C here ends the stack")
            if stack.gateway:
                _tell_page(stack.gateway)
            _watch(stack, parent)
    except KeyboardInterrupt:
        _tell("ended")
    except RetouchError as error:
        _tell(str(error))
        return 2 if isinstance(error, InputError) else 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m workers.stack",
        description="Run Valkey, S3, the local img2img endpoint, a gateway and workers on this machine, until Ctrl-C.",
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep data here (default: a temporary folder)")
    parser.add_argument(
        "--workers",
        type=_at_least(0),
        default=1,
        metavar="N",
        help="how many workers (default: 1); 0: none, to start your own with the export lines",
    )
    parser.add_argument(
        "--latency", type=_latency, metavar="S", help="seconds that the endpoint takes per edit: 0.5, or 0.2-0.8"
    )
    parser.add_argument("--capacity", type=_at_least(1), metavar="N", help="images that the endpoint makes at once")
    parser.add_argument(
        "--model", type=Path, metavar="PATH", help="a Stable Diffusion 1.5 for the endpoint (docs/engine.md)"
    )
    for option, metavar in (("--device", "NAME"), ("--dtype", "NAME"), ("--max-batch", "N")):
        parser.add_argument(option, metavar=metavar, help="with --model: the same option of the endpoint")
    parser.add_argument("--fast", action="store_true", help="with --model: the same option of the endpoint")
    parser.add_argument(
        "--recipe",
        type=Path,
        metavar="FILE",
        action="append",
        default=[],
        help="what new objects in S3 make (docs/triggers.md), or a folder of such files; several times",
    )
    parser.add_argument("--env-file", type=Path, metavar="FILE", help="write the export lines to FILE as well")
    parser.add_argument("--die-with-parent", action="store_true", help="end when the parent process ends")
    return parser.parse_args()


def _at_least(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} on")
        return int(text)

    return read


def _model(args: argparse.Namespace) -> Model | None:
    options = {"device": args.device, "dtype": args.dtype, "max-batch": args.max_batch, "fast": args.fast}
    given = {f"--{name}": value for name, value in options.items() if value}
    if args.model is None:
        if given:
            raise InputError(f"{', '.join(given)}: only with --model")
        return None
    check_model(args.model)
    return Model(args.model, [word for name, value in given.items() for word in _words(name, value)])


def _words(option: str, value: object) -> list[str]:
    return [option] if value is True else [option, str(value)]


def _latency(text: str) -> str:
    try:
        Latency.parse(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _announce(environment: Mapping[str, str], env_file: Path | None) -> None:
    lines = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    if env_file is not None:
        try:
            write_private(env_file, lines)
        except OSError as error:
            raise InputError(f"--env-file {env_file} cannot be written: {error.strerror}") from None
    sys.stdout.write(lines)
    sys.stdout.flush()


def _way_in(env_file: Path | None) -> str:
    """How a second terminal gets the `retouch` of this environment, and the variables."""
    activate = Path(sys.prefix, "bin", "activate")
    shown = activate.relative_to(Path.cwd()) if activate.is_relative_to(Path.cwd()) else activate
    known = f"source {shlex.quote(str(shown))}" if activate.exists() else ""
    if env_file:
        return "run: " + " && ".join(filter(None, (known, f"source {shlex.quote(str(env_file))}")))
    return f"run: {known}, and paste the export lines above" if known else "paste the export lines above"


def _tell_page(gateway: Gateway) -> None:
    try:
        _tell(f"the page, for one browser within an hour (then: retouch page): {gateway.page_link()}")
    except RetouchError as error:  # a part that has ended meanwhile is told of as at any other time
        _tell(f"note: there is no link to the page: {error}")


def _watch(stack: Stack, parent: int | None) -> None:
    while True:
        stack.check()
        if parent is not None and os.getppid() != parent:
            raise ParentGoneError("the parent process has ended")
        time.sleep(_WATCH_S)


def _tell(line: str) -> None:
    sys.stderr.write(f"stack: {line}\n")
    sys.stderr.flush()
