"""The edits that were taken, a line each in a file: an endpoint that is started again on it still knows them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from workers.endpoint.submission import Submission

KEPT_S = 86_400.0  # an older edit is unknown: nobody waits so long


class Taken(NamedTuple):
    """An edit that was taken, before this start."""

    id: str
    key: str | None
    fingerprint: str
    submission: Submission


class Journal:
    """Knows what was taken within the last day. Without a ``path`` nothing is written, and nothing known.

    The file can be read by its owner alone: the links to pictures in it may be signed. A line that was cut off by a
    kill is left out. Raises OSError.
    """

    def __init__(self, path: Path | None) -> None:
        self._by_id: dict[str, Taken] = {}
        self._by_key: dict[str, Taken] = {}
        self._problems: dict[str, str] = {}
        self._file = None
        if path is None:
            return
        lines = [line for line in _lines(path) if line["at"] > time.time() - KEPT_S]
        for line in lines:
            self._note(line)
        part = path.with_name(path.name + ".part")
        part.touch(mode=0o600)
        part.write_text("".join(json.dumps(line) + "\n" for line in lines))
        os.replace(part, path)
        self._file = path.open("a")

    def of_id(self, job_id: str) -> Taken | None:
        """The edit of that id."""
        return self._by_id.get(job_id)

    def of_key(self, key: str) -> Taken | None:
        """The edit that was taken under that Idempotency-Key."""
        return self._by_key.get(key)

    def note(self, taken: Taken) -> None:
        """Write an edit down, before its caller hears that it is taken."""
        if self._file:
            self._write({**taken._asdict(), "submission": taken.submission.model_dump(mode="json", exclude_unset=True)})

    def note_problem(self, job_id: str, problem: str) -> None:
        """Write down that an edit has failed, and is not to be worked on again after a restart."""
        if self._file:
            self._write({"id": job_id, "problem": problem})

    def problem_of(self, job_id: str) -> str | None:
        """Why that edit has failed, if it is not to be worked on again."""
        return self._problems.get(job_id)

    def close(self) -> None:
        """Write nothing more."""
        if self._file:
            self._file.close()

    def _write(self, line: dict[str, Any]) -> None:
        assert self._file is not None
        self._file.write(json.dumps({**line, "at": time.time()}) + "\n")
        self._file.flush()

    def _note(self, line: dict[str, Any]) -> None:
        if "problem" in line:
            self._problems[line["id"]] = line["problem"]
            return
        taken = Taken(line["id"], line["key"], line["fingerprint"], Submission.model_validate(line["submission"]))
        self._by_id[taken.id] = taken
        if taken.key is not None:
            self._by_key[taken.key] = taken


def _lines(path: Path) -> list[dict[str, Any]]:
    found = []
    for text in path.read_text().splitlines() if path.exists() else []:
        try:
            line = json.loads(text)
            float(line["at"])
            if "problem" not in line:
                Submission.model_validate(line["submission"])
        except (ValueError, KeyError, TypeError, ValidationError):
            continue
        found.append(line)
    return found
