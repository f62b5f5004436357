"""What an edit is: the parameters of the img2img contract, a name within its batch, and the image to edit."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from retouch import image_address, object_keys, tokens
from retouch.edit_fields import with_fields
from retouch.errors import InputError
from retouch.image_address import ImageKind
from retouch.nearest import nearest
from retouch.net.redaction import presentable
from retouch.plain_values import is_whole_text, plain_fields

_canonical = json.JSONEncoder(
    sort_keys=True, separators=(",", ":")
).encode  # json.dumps would build a new encoder every time

MAX_SIDE = 4096  # pixels; larger results are refused as possible decompression bombs (retouch.media.images)
MAX_NESTING = 64  # levels of ``extra``: a parser with a limit must read it in any process, however deep that is already
MAX_INTEGER_BITS = 1024  # of a number in it: the range of a double, far below where Python refuses to write one
MAX_METADATA = 32  # names of an edit's metadata; a name and a text of it have so many characters
MAX_METADATA_NAME, MAX_METADATA_TEXT = 64, 500
BEST_SIDE = 512  # pixels; the contract's "at most 512 for best results"
DEFAULT_MODEL = "sd1.5"

# What str() makes of a missing value in pandas, Python, JavaScript: paid for, it would be an edit to "nan".
_MISSING = frozenset({"nan", "NaN", "NaT", "<NA>", "None", "null", "undefined"})

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # a tab and line ends are none
_SURROGATE = re.compile(r"[\ud800-\udfff]")  # what Python makes of a byte that is not UTF-8
_CONTROL_NAMES = {0: "NUL", 7: "BEL", 8: "BS", 11: "VT", 12: "FF", 27: "ESC", 127: "DEL"}

BATCH_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
CUSTOM_ID_PATTERN = re.compile(r"[A-Za-z0-9._-]{1,64}")
_OF_A_SPREADSHEET = re.compile(r"-?\d[.,]\d+E[+-]\d+")
# Path segments with a meaning of their own, and the names of the two files beside the edits' folders.
RESERVED_CUSTOM_IDS = frozenset({".", "..", object_keys.MANIFEST, object_keys.TABLE, object_keys.SUCCESS})


def _check_tokens(text: str) -> str:
    if found := _SURROGATE.search(text):
        raise PydanticCustomError(
            "not_unicode", "has a byte that is not UTF-8 at position {place}", {"place": found.start() + 1}
        )
    if found := _CONTROL.search(text):
        code = ord(found[0])
        name = f"U+{code:04X}" + (f" ({_CONTROL_NAMES[code]})" if code in _CONTROL_NAMES else "")
        raise PydanticCustomError(
            "control_character",
            "has the control character {name} at position {place}; take it out",
            {"name": name, "place": found.start() + 1},
        )
    if len(text) > tokens.MAX_CHARACTERS:
        raise PydanticCustomError(
            "too_long",
            "has {count} characters, more than {limit} CLIP tokens hold",
            {"count": f"{len(text):,}", "limit": tokens.MAX_TOKENS},
        )
    if not tokens.fits(text):
        raise PydanticCustomError(
            "too_many_tokens",
            "has {count} CLIP tokens; at most {limit} are read",
            {"count": tokens.count(text), "limit": tokens.MAX_TOKENS},
        )
    return text


def _check_prompt(text: str) -> str:
    if text in _MISSING:
        raise PydanticCustomError("missing_text", "is how a program writes a missing value: there is no prompt")
    return _check_tokens(text)


Text = Annotated[str, AfterValidator(_check_tokens)]
Prompt = Annotated[str, AfterValidator(_check_prompt)]


class Parameters(BaseModel):
    """The parameters of one img2img call, under the API's own names and with its exact ranges.

    A field that is None is not sent: the API's default applies. A number must be a number (``"20"`` is refused). It may
    be one of numpy's, a whole number may be ``512.0``, and NaN is a field that is not set. ``retouch fields`` lists all
    fields with their ranges.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, protected_namespaces=())

    model_id: Annotated[
        str,
        StringConstraints(min_length=1, max_length=200),
        Field(description="The model that the API is to use; at most 200 characters."),
    ] = DEFAULT_MODEL
    prompt: Annotated[Prompt, Field(description="What the picture is to become; at most 75 CLIP tokens.")]
    negative_prompt: Annotated[
        Text | None, Field(description="What is not to be in the picture; at most 75 CLIP tokens.")
    ] = None
    num_inference_steps: Annotated[
        int | None,
        Field(ge=1, le=100, description="Steps of denoising; 20 to 30 are best."),
    ] = None
    strength: Annotated[
        float | None,
        Field(
            ge=0,
            le=1,
            description="How far to go from the original: 0 keeps it, 1 ignores it. The API does about"
            " num_inference_steps x strength steps.",
        ),
    ] = None
    samples: Annotated[int | None, Field(ge=1, le=4, description="How many images to make of this one edit.")] = None
    guidance_scale: Annotated[
        float | None, Field(ge=1, le=20, description="How closely to follow the prompt; 7.5 to 12.5 are best.")
    ] = None
    width: Annotated[
        int | None,
        Field(ge=1, le=MAX_SIDE, description=f"The width of the result in pixels; {BEST_SIDE} at most is best."),
    ] = None
    height: Annotated[
        int | None,
        Field(ge=1, le=MAX_SIDE, description=f"The height of the result in pixels; {BEST_SIDE} at most is best."),
    ] = None
    seed: Annotated[
        int | None,
        Field(
            ge=-1, lt=2**63, description="With the same seed and parameters, the same image; with -1 the API draws one."
        ),
    ] = None
    scheduler: Annotated[
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,100}$")] | None,
        Field(description="The API's scheduler by its name (letters, digits, _), such as UniPCMultistepScheduler."),
    ] = None
    refiner: Annotated[bool | None, Field(description="Whether the API runs its refiner after the model.")] = None
    safety_checker: Annotated[
        bool | None, Field(description="Whether the API filters explicit images; it may return black ones instead.")
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _of_plain_values(cls, given: Any) -> Any:
        return plain_fields(given, WHOLE_NUMBERS) if isinstance(given, Mapping) else given


WHOLE_NUMBERS = frozenset({"num_inference_steps", "samples", "width", "height", "seed"})


def _check_custom_id(value: str) -> str:
    if _OF_A_SPREADSHEET.fullmatch(value):
        raise PydanticCustomError(
            "custom_id", "is what a spreadsheet made of a long number: format the column as text, and type the id again"
        )
    if not CUSTOM_ID_PATTERN.fullmatch(value) or value in RESERVED_CUSTOM_IDS:
        raise PydanticCustomError("custom_id", "must be 1 to 64 of A-Z a-z 0-9 . _ - and not a reserved name")
    return value


def _check_writable(value: object) -> object:
    if not _is_writable(value, MAX_NESTING):
        raise PydanticCustomError(
            "extra", f"may be nested {MAX_NESTING} deep, and hold integers of at most {MAX_INTEGER_BITS} bits"
        )
    return value


def _is_writable(value: object, levels: int) -> bool:
    """Whether every program on the way can write ``value`` as JSON, and read it."""
    if isinstance(value, int):
        return value.bit_length() <= MAX_INTEGER_BITS
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_writable(one, levels - 1) for one in inner)


Metadata = Annotated[
    dict[
        Annotated[str, StringConstraints(min_length=1, max_length=MAX_METADATA_NAME)],
        Annotated[str, StringConstraints(max_length=MAX_METADATA_TEXT)],
    ],
    Field(max_length=MAX_METADATA),
]


class Edit(Parameters):
    """One edit: an image, one set of parameters, and a name that is unique in its batch.

    ``init_image`` is a public http(s) URL, ``s3://bucket/key``, a local path, or the picture itself as a data URI or in
    base64 (the last two are uploaded when the edit is enqueued). ``extra`` holds other fields that the API accepts;
    they are sent unchanged. ``metadata`` is the producer's own: it is not sent, and comes back with the result. It is
    no part of what an edit is: an edit that is enqueued again with other metadata is the same, and keeps the first.
    """

    custom_id: Annotated[
        str,
        AfterValidator(_check_custom_id),
        Field(description="The edit's name, unique in its batch: 1 to 64 of A-Z a-z 0-9 . _ -"),
    ]
    init_image: Annotated[
        str,
        AfterValidator(image_address.clean),
        Field(
            description="The picture to edit: a public http(s) URL, s3://bucket/key, a local file, or the picture"
            " itself as a data URI or in base64 (the last two are uploaded)."
        ),
    ]
    extra: Annotated[
        Annotated[dict[str, JsonValue], BeforeValidator(_check_writable)] | None,
        Field(description="Other fields that the API takes, as an object; they are sent unchanged."),
    ] = None
    metadata: Annotated[
        Metadata | None,
        Field(
            description=f"Your own notes, up to {MAX_METADATA} short texts by name; not sent, they come back with the"
            " result."
        ),
    ] = None

    @model_validator(mode="after")
    def _extra_shadows_nothing(self) -> Self:
        if self.extra and (shadowed := sorted(self.extra.keys() & Edit.model_fields.keys())):
            raise PydanticCustomError(
                "extra", f"extra may not hold {shadowed[0]!r}: it is a field of the edit, write it there"
            )
        if self.extra and not is_whole_text(json.dumps(self.extra, ensure_ascii=False)):
            raise PydanticCustomError("extra", "extra holds half of a character (an emoji that was cut)")
        return self

    @property
    def image_kind(self) -> ImageKind:
        """Where ``init_image`` is: behind a URL, in S3, on this machine's disk, or in the text itself."""
        return image_address.kind_of(self.init_image)

    def at(self, address: str) -> Edit:
        """The same edit, with its picture at this address."""
        moved = self.model_copy(update={"init_image": address})
        moved.__dict__.pop("fields", None)  # copied with the rest, if it was read before
        return moved

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The parameters that are set, as plain JSON values: without ``custom_id`` and ``metadata``."""
        return self.model_dump(exclude_none=True, exclude={"custom_id", "metadata"})

    @property
    def digest(self) -> str:
        """A hash of the parameters: equal for equal edits, also if one has them from defaults."""
        canonical = _canonical(self.fields).encode()
        return b64encode(hashlib.blake2b(canonical, digest_size=12).digest(), b"-_").decode()

    @property
    def warnings(self) -> list[str]:
        """What is allowed but probably not meant."""
        return [
            f"{name} {value} is above {BEST_SIDE}: the API recommends at most {BEST_SIDE}"
            for name in ("width", "height")
            if (value := self.fields.get(name, 0)) > BEST_SIDE
        ]


Edit.__doc__ = with_fields(Edit.__doc__, Edit.model_fields)


def check_batch_id(batch: str) -> str:
    """Return ``batch`` if it is a valid batch id; raises InputError, and TypeError if it is not text."""
    if not isinstance(batch, str):
        raise TypeError(f"batch is {type(batch).__name__}, and must be text: the batch's id")
    if not BATCH_PATTERN.fullmatch(batch):
        raise InputError(
            f"batch {batch[:80]!r} is not a valid id: 1 to 64 of A-Z a-z 0-9 . _ - beginning with a letter or digit"
        )
    return batch


def explain(error: ValidationError) -> list[str]:
    """Turn a validation error into sentences that name the field, the value and what is allowed."""
    return [presentable(_sentence(detail)) for detail in error.errors(include_url=False)]


def _sentence(detail: ErrorDetails) -> str:
    field = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "missing":
        return f"{field} is missing"
    if detail["type"] == "extra_forbidden":
        return (
            f"unknown field {field!r}{_suggestion(field)} (other fields of the API go into 'extra', your own into"
            " 'metadata')"
        )
    message = detail["msg"].removeprefix("Input ").removeprefix("Value error, ")
    if field == "scheduler" and detail["type"] == "string_pattern_mismatch":
        message = "should be the API's own name, of letters, digits and _, such as EulerAncestralDiscreteScheduler"
    if not field:
        return message
    shown = detail["input"]
    if isinstance(shown, str):
        shown = image_address.shown(shown)  # a signed link is a secret
    return f"{field} {_shown(shown)} {message}"


def unknown_fields(names: Iterable[str]) -> str:
    """These names, each with the field that was probably meant."""
    return ", ".join(f"{name[:80]!r}{_suggestion(name)}" for name in names)


def _suggestion(field: str) -> str:
    near = nearest(field, Edit.model_fields)
    return f", did you mean {near!r}?" if near else ""


def _shown(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, default=repr)
    except (ValueError, RecursionError):  # thousands of digits, or of levels
        return "(too large to be shown)"
    text = text.encode(errors="replace").decode()
    return text if len(text) <= 60 else f"{text[:57]}…"
