"""``python -m scripts.benchmark.engine``: see ``scripts/bench``."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from retouch.errors import RetouchError
from retouch.signals import exit_code, raise_on
from scripts.benchmark import machine, markdown, page
from scripts.benchmark.arguments import parts_of, rounds
from scripts.benchmark.engine import run, tables
from scripts.benchmark.engine.device import Device
from scripts.benchmark.engine.report import Report
from scripts.benchmark.engine.sizes import CPU, GPU, QUICK, Sizes
from scripts.benchmark.engine.subject import SIDES, Model, Subject
from scripts.benchmark.engine.traffic import KINDS, UNIFORM
from workers.endpoint.diffusion.model import DTYPES, choose_device, choose_dtype

PACKAGES = ("torch", "diffusers", "transformers")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code: 0 measured (whatever the aims say), 1 something failed."""
    options = _parse(arguments)
    device, model = Device(options.device), Model(options.model)
    device.prepare()
    sizes = QUICK if options.quick else GPU if device.is_gpu else CPU
    if options.rounds:
        sizes = replace(sizes, rounds=options.rounds)
    report = Report(
        _machine(device), _settings(device, model, options.dtype, sizes), judged=_judged(device, model, options)
    )
    print(markdown.facts(report.machine | report.settings), flush=True)
    failure = None
    try:
        subject = Subject.make(model, device, options.dtype)
        run.Run(model, subject, sizes, report).measure(options.only)
    except RetouchError as error:
        failure = error
    # What was measured before a failure is not thrown away.
    print(f"\n{tables.text(report)}")
    _write(options, report, page.ENGINE[device.is_gpu])
    if failure:
        print(f"bench: {failure}", file=sys.stderr)
    return 1 if failure else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench --engine",
        description="Measure the engine of Stable Diffusion 1.5 beside diffusers' own pipeline, with random numbers"
        " for weights: they cost the same, and nothing is fetched.",
    )
    parser.add_argument("--model", choices=list(Model), help="its size; default: full on a GPU, tiny on a CPU")
    parser.add_argument("--device", help="cuda, mps or cpu; default: the first that is there")
    parser.add_argument("--dtype", choices=list(DTYPES), help="default: float16 on cuda, float32 elsewhere")
    parser.add_argument(
        "--only", type=parts_of(run.PARTS), default=run.PARTS, help=f"some parts of {','.join(run.PARTS)}"
    )
    parser.add_argument("--rounds", type=rounds, help="of which the median counts; default: 3")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: to try the benchmark; figures mean nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same as JSON")
    parser.add_argument("--docs", action="store_true", help="put the tables into docs/performance.md")
    options = parser.parse_args(arguments)
    if options.docs and options.quick:
        parser.error("--docs publishes figures, and with --quick they mean nothing")
    try:
        options.device = choose_device(options.device)
    except RetouchError as error:
        parser.error(str(error))
    dtype = choose_dtype(options.dtype, options.device)
    options.dtype = next(name for name, known in DTYPES.items() if known is dtype)
    options.model = options.model or (Model.FULL if Device(options.device).is_gpu else Model.TINY)
    return options


def _judged(device: Device, model: Model, options: argparse.Namespace) -> bool:
    return device.is_gpu and model is Model.FULL and not options.quick


def _machine(device: Device) -> dict[str, str]:
    return machine.describe(PACKAGES) | {"device": device.describe()}


def _settings(device: Device, model: Model, dtype: str, sizes: Sizes) -> dict[str, str]:
    side = SIDES[model]
    return {
        "model": f"{model}, random weights, {dtype}, images of {side} x {side}",
        "mixed": f"{sizes.images} images drawn from {len(KINDS)} kinds: 15 to 50 steps, 3 strengths, 3 guidances,"
        " 3 schedulers",
        "uniform": f"{sizes.images} images of {UNIFORM.steps} steps at {UNIFORM.strength:g}: {UNIFORM.calls} calls",
        "in flight": "images; each is two rows, one with the prompt and one without",
        "rounds": f"{sizes.rounds}, all ways in turns; the median counts",
        "seconds": "of the clock" if device.is_gpu else "of the CPU's time that was spent",
        "merged": f"requests with equal parameters, as many as wait and fit into {max(sizes.max_rows)} rows",
        "calls": f"by kinds: {sizes.counted} images, {max(sizes.in_flight)} in flight, at most {sizes.max_rows[0]} rows"
        " a call; nothing is computed",
        "endpoint": f"{sizes.edits} edits at once, {sizes.max_rows[0]} rows; beside the same batching without it",
    }


def _write(options: argparse.Namespace, report: Report, mark: str) -> None:
    if options.json:
        options.json.write_text(json.dumps(report.to_json(), indent=2) + "\n")
    if options.docs:
        heading = markdown.facts(report.machine | report.settings)
        page.put(f"```text\n{heading}\n\n{tables.text(report)}\n```", mark)


if __name__ == "__main__":
    raise_on(signal.SIGTERM)  # an orderly end: processes and folders go with it
    try:
        sys.exit(main())
    except KeyboardInterrupt as interrupt:
        sys.exit(exit_code(interrupt))
