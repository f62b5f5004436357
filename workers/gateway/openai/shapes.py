"""What OpenAI's clients send and read. Times are seconds since 1970."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ENDPOINT = "/v1/images/edits"
PURPOSES = ("batch", "vision")

Purpose = Literal["batch", "vision"]
Status = Literal["validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"]
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]], Field(max_length=16)
]


class Trouble(BaseModel):
    """What is wrong. ``code``: for programs."""

    message: str
    type: str
    param: str | None
    code: str


class OpenAIError(BaseModel):
    """What every error of this face looks like."""

    error: Trouble


class FileObject(BaseModel):
    """A file. ``bytes`` is 0 of what is made when it is read: the files of results."""

    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    expires_at: int | None = None
    filename: str
    purpose: Literal["batch", "vision", "batch_output"]
    status: Literal["processed"] = "processed"


class FileList(BaseModel):
    """Files that were uploaded."""

    object: Literal["list"] = "list"
    data: list[FileObject]
    first_id: str | None
    last_id: str | None
    has_more: bool


class FileDeleted(BaseModel):
    """A file that is not there any more."""

    id: str
    object: Literal["file"] = "file"
    deleted: bool = True


class BatchRequest(BaseModel):
    """A batch that is to be made."""

    model_config = ConfigDict(extra="forbid")

    input_file_id: str = Field(description="A file with the purpose `batch`.")
    endpoint: Literal["/v1/images/edits"]
    completion_window: Literal["24h"] = Field("24h", description="Means nothing here: edits are run at once.")
    metadata: Metadata | None = Field(None, description="A part of what the batch is: with another, it is another.")
    output_expires_after: dict[str, Any] | None = Field(None, description="Means nothing here.")


class LineError(BaseModel):
    """What is wrong in a line of the file."""

    line: int | None
    code: str
    message: str
    param: str | None


class Errors(BaseModel):
    """Why a batch is not run: the first hundred mistakes of its file."""

    object: Literal["list"] = "list"
    data: list[LineError]


class RequestCounts(BaseModel):
    """Edits; those that were cancelled are in ``total`` alone."""

    total: int = 0
    completed: int = 0
    failed: int = 0


class Batch(BaseModel):
    """A batch. Of the times, those alone are set that are known."""

    id: str
    object: Literal["batch"] = "batch"
    endpoint: str
    errors: Errors | None = None
    input_file_id: str
    completion_window: str
    status: Status
    output_file_id: str | None = None
    error_file_id: str | None = None
    created_at: int
    in_progress_at: int | None = None
    expires_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    expired_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    request_counts: RequestCounts
    metadata: dict[str, str] | None = None


class BatchList(BaseModel):
    """Batches, the newest first."""

    object: Literal["list"] = "list"
    data: list[Batch]
    first_id: str | None
    last_id: str | None
    has_more: bool
