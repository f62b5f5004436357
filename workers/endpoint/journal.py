"""The edits that were taken, a line each in a file: an endpoint that is started again on it still knows them."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from pydantic import ValidationError

from retouch.errors import ServiceError
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
    kill is left out. One process at a time has it: what another took would be lost. Raises OSError, and ServiceError
    where another has it.
    """

    def __init__(self, path: Path | None) -> None:
        self._by_id: dict[str, Taken] = {}
        self._by_key: dict[str, Taken] = {}
        self._problems: dict[str, str] = {}
        self._file: TextIO | None = None
        self._lock: TextIO | None = None
        if path is None:
            return
        path = path.resolve()  # so that a second name of it has the same lock
        self._lock = _locked(path)
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
        if self._lock:
            self._lock.close()

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


def _locked(path: Path) -> TextIO:
    """A file beside it, locked until it is closed or the process ends, however it ends.

    Not the journal itself: each start puts a new file in its place.
    """
    beside = path.with_name(path.name + ".lock")
    beside.touch(mode=0o600)
    lock = beside.open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise ServiceError(f"--journal {path}: another endpoint has it: end that one, or name another file") from None
    return lock


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
