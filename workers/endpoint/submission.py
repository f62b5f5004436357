"""What a POST may carry, and how a refusal reads: FastAPI's 422 body, without the values that were sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, ConfigDict, JsonValue, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from retouch.edit import Parameters

MAX_BODY = 1 << 20  # bytes; a contract body is a few kilobytes
_SIGNATURE_PREFIXES = ("x-amz-", "x-goog-")


def _check_link(value: str) -> str:
    try:
        parts = urlsplit(value)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid:
        raise PydanticCustomError("url", "Input should be a publicly reachable http or https URL")
    return value


class Submission(Parameters):
    """One img2img request. Unknown fields are ignored and ``"20"`` counts as 20, as at the provider.

    ``marker`` is no part of the contract: it is kept in the record, so that a test can follow an edit.
    """

    model_config = ConfigDict(extra="ignore", strict=False)

    init_image: Annotated[str, StringConstraints(max_length=4096), AfterValidator(_check_link)]
    marker: JsonValue = None

    @property
    def places(self) -> int:
        """How many images this edit makes, and so how much of the capacity it takes."""
        return self.samples or 1


class InvalidBodyError(Exception):
    """The body is not a valid submission; ``detail`` is FastAPI's list of ``{loc, msg, type}``."""

    def __init__(self, detail: list[dict[str, Any]]) -> None:
        super().__init__("the body is not a valid submission")
        self.detail = detail


def parse(body: bytes) -> tuple[Submission, str]:
    """Return the submission and its fingerprint; raises InvalidBodyError."""
    try:
        fields = json.loads(body)
    except ValueError:
        raise InvalidBodyError([_problem(["body"], "JSON decode error", "json_invalid")]) from None
    try:
        return Submission.model_validate(fields), _fingerprint(fields)
    except ValidationError as error:
        raise InvalidBodyError(detail_of(error)) from None


def detail_of(error: ValidationError) -> list[dict[str, Any]]:
    """Return the errors as FastAPI shows them, without ``input`` and ``ctx``: a value may hold a secret."""
    return [
        _problem(["body", *found["loc"]], found["msg"], found["type"])
        for found in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def problems_of(problems: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what an engine cannot do, a sentence a field, as FastAPI shows an error."""
    return [_problem(["body", name], sentence, "value_error") for name, sentence in problems.items()]


def _problem(loc: list[int | str], msg: str, kind: str) -> dict[str, Any]:
    return {"loc": loc, "msg": msg, "type": kind}


def _fingerprint(fields: dict[str, Any]) -> str:
    """Name the body's content. A link that was signed anew (S3, GCS) is still the same link."""
    same = {**fields, "init_image": _unsigned(fields["init_image"])}
    return hashlib.blake2b(json.dumps(same, sort_keys=True).encode(), digest_size=16).hexdigest()


def _unsigned(url: str) -> list[Any]:
    parts = urlsplit(url)
    query = [
        pair
        for pair in parse_qsl(parts.query, keep_blank_values=True)
        if not pair[0].lower().startswith(_SIGNATURE_PREFIXES)
    ]
    return [parts.scheme, parts.netloc, parts.path, query]
