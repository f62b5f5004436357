"""The keys of all objects that Retouch writes to its bucket.

``prefix`` stands before every key (``RETOUCH_PREFIX``). No batch's id begins with an underscore, so that the folders
that belong to no batch have names of their own.
"""

from __future__ import annotations

import re

MANIFEST = "manifest.jsonl"
TABLE = "results.parquet"
SUCCESS = "_SUCCESS"
_IMAGE = re.compile(r"[^/]+/\d+\.(png|jpg|webp)")


def result_stem(prefix: str, edit: str, number: int) -> str:
    """The key of one image of an edit (``batch/custom_id``), without the extension: its type is known later."""
    return f"{prefix}{edit}/{number}"


def is_image(name: str) -> bool:
    """Whether this, behind a batch's folder, is an image of an edit: its other objects hold parameters too."""
    return bool(_IMAGE.fullmatch(name))


def batch_folder(prefix: str, batch: str) -> str:
    """With what the keys of all objects of a batch begin: its images, and its files."""
    return f"{prefix}{batch}/"


def manifest(prefix: str, batch: str) -> str:
    """The key of a batch's results, one JSON object a line."""
    return f"{prefix}{batch}/{MANIFEST}"


def table(prefix: str, batch: str) -> str:
    """The key of a batch's results as a table, beside its manifest."""
    return f"{prefix}{batch}/{TABLE}"


def success(prefix: str, batch: str) -> str:
    """The key of the empty object that says that a batch is complete."""
    return f"{prefix}{batch}/{SUCCESS}"


def local_input(prefix: str, sha256: str, extension: str) -> str:
    """The key of a local picture that was uploaded to be edited; equal pictures share it."""
    return f"{prefix}_inputs/{sha256}.{extension}"


def uploads(prefix: str, owner: str) -> str:
    """With what the keys of pictures begin that a caller of the gateway uploads; ``owner``: its ``AccessKey.owner``."""
    return f"{prefix}_uploads/{owner}/"


def files(prefix: str, owner: str) -> str:
    """With what the keys of files begin that OpenAI's clients upload; ``owner``: their ``AccessKey.owner``."""
    return f"{prefix}_files/{owner}/"


def batch_records(prefix: str) -> str:
    """With what the keys of what OpenAI's clients were told of batches begin; no key of the gateway has that name."""
    return f"{prefix}_files/_batches/"


def input_probe(prefix: str) -> str:
    """The key under which the CLI tries whether it may upload local pictures."""
    return f"{prefix}_inputs/.probe"


def probe(prefix: str) -> str:
    """The key under which workers try whether the bucket takes objects."""
    return f"{prefix}_retouch/probe"
