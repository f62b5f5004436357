"""The demo: the embedded stack, 24 edits through it, and a sheet of before and after (``scripts/demo``)."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from PIL import Image

from retouch.errors import RetouchError
from retouch.media import sheets
from retouch.signals import exit_code, raise_on
from workers.stack.child import ROOT, clean_environment, leashed
from workers.stack.stack import Stack

MANIFEST = ROOT / "scripts" / "samples" / "manifest.jsonl"
OUT = ROOT / "out" / "contact-sheet.png"
BATCH = "demo"
# Slow enough to watch, as the real API is: seconds an edit, and images made at once.
LATENCY, CAPACITY = "0.8-2.4", 8
RETOUCH = [sys.executable, "-m", "retouch"]  # the command ``retouch``
NEXT = """\
The sheet stays, the demo's S3 and Redis are gone. Next, with pictures of your own: start a stack that keeps its data,
    .venv/bin/python -m workers.stack --data .retouch --env-file .retouch/env
and in a second terminal, for a folder of pictures (PHOTOS):
    source .venv/bin/activate; source .retouch/env
    retouch enqueue PHOTOS --prompt "an oil painting of {stem}" --size fit:512 --batch oil --wait
    retouch download oil results
The last line of the stack is a link to the page, where you see batches as they run, as here.
From here to the real API: docs/getting-started.md"""
TITLE = "Retouch: {done} of {count} edits, before and after"
SUBTITLE = (
    "The engine is a stand-in: the local endpoint redraws pictures with simple filters chosen by the prompt's words. "
    "A real img2img model sits behind the same API."
)


def main() -> int:
    """Run the demo; returns 0 only if every edit was completed, 130 after Ctrl-C, 143 after SIGTERM."""
    out = _arguments().out
    raise_on(signal.SIGTERM)
    began = time.monotonic()
    try:
        _step(1, "Starting the embedded stack: Valkey, S3, the local img2img endpoint, a gateway and a worker")
        with Stack(latency=LATENCY, capacity=CAPACITY, gateway=True, tell=_say) as stack:
            _say(f"all ready after {time.monotonic() - began:.1f} s, on 127.0.0.1 only, in a temporary folder")
            done, count = _run(stack, out)
            took_s = time.monotonic() - began
            if sys.stdin.isatty() and sys.stdout.isatty():
                _show_page(stack)
    except KeyboardInterrupt as interrupt:
        _say("stopped; nothing is left running")
        return exit_code(interrupt)
    except RetouchError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    print(f"\n{done} of {count} edits completed, {took_s:.0f} s in all; nothing is left running.")
    print(NEXT)
    return 0 if done == count else 1


def _run(stack: Stack, out: Path) -> tuple[int, int]:
    edits = [json.loads(line) for line in MANIFEST.read_text().splitlines()]
    environment = clean_environment(**stack.environment)

    manifest = os.path.relpath(MANIFEST)
    _step(2, f"Sending {len(edits)} edits: each picture goes to S3, each edit through Redis to the worker")
    _tell_link(stack, "watch it in a browser: ")
    _retouch("enqueue", manifest, "--batch", BATCH, "--wait", env=environment)

    _step(3, "What is in S3 now")
    _list_objects(stack)

    _step(4, "Asking how the batch stands")
    _retouch("status", BATCH, env=environment)

    _step(5, "Drawing before and after on one sheet")
    results = _results(environment)
    out.parent.mkdir(parents=True, exist_ok=True)
    done = sum(result["state"] == "completed" for result in results.values())
    s3 = stack.s3.client()
    pairs = [_pair(s3, edit, results.get(edit["custom_id"])) for edit in edits]
    sheets.draw(pairs, TITLE.format(done=done, count=len(edits)), SUBTITLE).save(out)
    _say(f"saved: {out} ({out.stat().st_size / 1e6:.1f} MB)")
    return done, len(edits)


def _show_page(stack: Stack) -> None:
    """Let all of it stay until whoever is at the terminal has looked."""
    print("\nThe batch is on the page until you press Enter; then all of it ends. The link signs in one browser, once:")
    _tell_link(stack)
    with suppress(EOFError):
        input()


def _tell_link(stack: Stack, text: str = "") -> None:
    assert stack.gateway
    try:
        _say(f"{text}{stack.gateway.page_link()}")
    except RetouchError as error:  # the edits do without
        _say(f"note: there is no link to the page: {error}")


def _retouch(*arguments: str, env: dict[str, str]) -> None:
    print(f"      $ retouch {' '.join(arguments)}", flush=True)
    # It shares the terminal, for the progress bar and Ctrl-C.
    subprocess.run(leashed([*RETOUCH, *arguments]), env=env, check=False)


def _results(env: dict[str, str]) -> dict[str, dict[str, Any]]:
    command = leashed([*RETOUCH, "results", BATCH])
    lines = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=False).stdout.splitlines()
    results = [json.loads(line) for line in lines]
    return {result["custom_id"]: result for result in results}


def _list_objects(stack: Stack) -> None:
    pages = stack.s3.client().get_paginator("list_objects_v2").paginate(Bucket=stack.s3.bucket)
    objects = [found for page in pages for found in page.get("Contents", [])]
    for found in objects:
        _say(f"{found['Size'] / 1000:8.1f} kB  s3://{stack.s3.bucket}/{found['Key']}")
    _say(f"{len(objects)} objects, {sum(found['Size'] for found in objects) / 1e6:.1f} MB")


def _pair(s3: Any, edit: dict[str, Any], result: dict[str, Any] | None) -> sheets.Pair:
    before = sheets.Place(Image.open(MANIFEST.parent / edit["init_image"]))
    after = sheets.Place(None, "no result")
    if result and result["outputs"]:
        bucket, _, key = result["outputs"][0]["uri"].removeprefix("s3://").partition("/")
        after = sheets.Place(Image.open(io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read())))
    elif result and result["error"]:
        after = sheets.Place(None, result["error"]["message"])
    return sheets.Pair(before, after, edit["prompt"], edit.get("strength"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo", description="From a clone to finished edits.")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE", help="where to save the contact sheet")
    return parser.parse_args()


def _step(number: int, text: str) -> None:
    print(f"\n[{number}/5] {text}", flush=True)


def _say(text: str) -> None:
    print(f"      {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
