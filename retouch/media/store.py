"""Objects in S3: put, get, look up, list, delete, presign. Credentials, region and endpoint are what boto3 would use.

Bytes go through obstore, at a tenth of boto3's CPU; boto3 finds the settings (profiles, roles, containers,
``AWS_ENDPOINT_URL_S3``) and signs links, with credentials that are renewed apart from it. Retries are short here,
because the caller's own are long.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar
from urllib.parse import urlsplit

import boto3
import botocore.session
import obstore
from botocore.config import Config
from botocore.exceptions import BotoCoreError, NoCredentialsError, ParamValidationError
from obstore.exceptions import BaseError
from obstore.store import S3Store

from retouch.bucket_names import check_bucket
from retouch.environment import check_aws
from retouch.errors import InputError, LostObjectError, StoreError, StoreUnavailableError
from retouch.media.credentials import AccessKey, Credentials
from retouch.media.store_errors import (
    check_settings,
    checked_key,
    credentials_trouble,
    settings_trouble,
    sorted_error,
    statuses,
)

if TYPE_CHECKING:
    from obstore.store import S3Credential  # obstore has it for type checkers alone

T = TypeVar("T")

MAX_PRESIGN_S = 7 * 24 * 3600  # SigV4's own bound
DEFAULT_REGION = "us-east-1"  # what servers other than AWS take, and AWS's own default for S3

_PART_BYTES = 5 * 1024 * 1024  # the least that S3 takes as a part
_CHUNK_BYTES = 2 * 1024 * 1024  # of an object that is read: a usual image in one go
_PAGE_S = 60.0  # until S3 has found a thousand objects: some servers search long
_LISTED_AT_ONCE = 1000  # keys: S3's own page, and the most that one request deletes
_CREDENTIALS_TTL_S = 600  # obstore asks again 5 minutes before the end
_WAIT_S = 10.0  # for credentials, to read or write an object
_SIGN_WAIT_S = 0.5  # for those that sign links: the leases of claims run
_RETRIES = {
    "max_retries": 2,
    "retry_timeout": timedelta(seconds=4),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=1), "base": 2},
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class _Clients(NamedTuple):
    bytes: S3Store
    links: Any  # boto3 makes its clients' methods at run time: there is no type to name
    signing: Any  # the credentials of ``links``: whoever signs puts the newest key there


class Found(NamedTuple):
    """An object that is in the bucket; ``size`` in bytes, ``written``: when, to the second.

    ``etag`` and ``version`` as the store says them, but without quotes; empty where it says none.
    """

    key: str
    size: int
    written: datetime
    etag: str = ""
    version: str = ""


class Store:
    """One bucket. Nothing is read or connected to before the first use (or ``open``).

    ``endpoint_url`` and ``region`` override those that boto3 is configured with; plain http is allowed because
    a person must have configured it. ``timeout_s`` bounds a whole request, with the bytes of an object;
    ``answer_timeout_s`` the beginning of an answer, where nothing large is sent.

    All methods raise StoreRefusedError if a person must fix something (no such bucket, credentials, permissions) and
    StoreUnavailableError for a temporary error.
    """

    def __init__(
        self,
        bucket: str,
        *,
        endpoint_url: str | None = None,
        region: str | None = None,
        connect_timeout_s: float = 5.0,
        timeout_s: float = 60.0,
        answer_timeout_s: float = 20.0,
    ) -> None:
        self.bucket = check_bucket(bucket, "the bucket of a store")
        self._endpoint_url = endpoint_url
        self._region = region
        self._timeouts = {
            "connect_timeout": f"{connect_timeout_s * 1000:.0f}ms",
            "timeout": f"{timeout_s * 1000:.0f}ms",
        }
        self._answer_timeout_s = answer_timeout_s
        self._session: boto3.Session | None = None
        self._clients: _Clients | None = None
        self._opening = threading.Lock()
        self._credentials = Credentials(self._load_credentials, credentials_trouble)
        self._credential_trouble: StoreError | None = None

    def __repr__(self) -> str:
        return f"Store({self.bucket!r})"

    async def open(self) -> None:
        """Load the settings off the event loop."""
        if self._clients is None:
            await asyncio.to_thread(self._open)

    async def put(self, key: str, data: bytes, content_type: str) -> None:
        """Write one object in one request: it is there whole, or not at all."""
        store = await self._store_for(key)
        attributes = {"Content-Type": content_type}
        try:
            await obstore.put_async(store, key, data, attributes=attributes, use_multipart=False)
        except Exception as error:
            raise self._mapped(error) from None

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes], content_type: str) -> None:
        """Write one object in parts, as ``chunks`` yields them; some 10 MiB are in memory at a time.

        If ``chunks`` raises, its exception comes through, the upload is aborted and nothing appears under
        ``key``. If the process dies or the task is cancelled in the middle nothing appears either, but S3
        keeps the parts until the bucket's lifecycle rule removes them.
        """
        store = await self._store_for(key)
        failures: list[BaseException] = []

        async def watched() -> AsyncIterator[bytes]:
            try:
                async for chunk in chunks:
                    yield chunk
            except BaseException as error:
                failures.append(error)
                raise

        try:
            await obstore.put_async(
                store,
                key,
                watched(),
                attributes={"Content-Type": content_type},
                chunk_size=_PART_BYTES,
                max_concurrency=2,
            )
        except Exception as error:
            raise (failures[0] if failures else self._mapped(error)) from None
        finally:
            failures.clear()  # its traceback holds this frame: megabytes would wait for the garbage collector

    async def exists(self, key: str) -> bool:
        """Tell whether an object lies under ``key``; False also where the bucket itself is missing."""
        return await self.find(key) is not None

    async def find(self, key: str) -> Found | None:
        """What lies under ``key`` now, with its version; None if there is nothing, or no such bucket."""
        store = await self._store_for(key)
        try:
            found = await self._answered(obstore.head_async(store, key))
        except FileNotFoundError:
            return None
        except Exception as error:
            raise self._mapped(error) from None
        etag, version = (found["e_tag"] or "").strip('"'), found["version"] or ""
        return Found(key, found["size"], found["last_modified"], etag, version)

    async def read_range(self, key: str, start: int, length: int) -> tuple[bytes, int]:
        """Some bytes of an object, fewer at its end, and its whole size.

        Raises LostObjectError if there is no such object, also where the bucket itself is missing.
        """
        store = await self._store_for(key)
        try:
            try:
                found = await self._answered(obstore.get_async(store, key, options={"range": (start, start + length)}))
                return bytes(await found.bytes_async()), found.meta["size"]
            except (BaseError, ValueError) as error:
                if "416" not in statuses(error):
                    raise
            return b"", (await self._answered(obstore.head_async(store, key)))[
                "size"
            ]  # the range begins behind the end
        except FileNotFoundError:
            raise LostObjectError(f"there is no object {self.uri(key)}") from None
        except Exception as error:
            raise self._mapped(error) from None

    async def chunks(self, key: str) -> AsyncIterator[memoryview]:
        """Read one object, some 2 MiB at a time; raises LostObjectError if there is none."""
        store = await self._store_for(key)
        try:
            found = await self._answered(obstore.get_async(store, key))
            if found.meta["size"] <= _CHUNK_BYTES:  # a usual image, at less CPU than a stream
                yield memoryview(await found.bytes_async())
                return
            async for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
                yield memoryview(chunk)
        except FileNotFoundError as error:
            raise self._missing(error, key) from None
        except Exception as error:
            raise self._mapped(error) from None

    async def pages(self, folder: str) -> AsyncIterator[list[Found]]:
        """List the objects below ``folder`` (empty: all), a thousand at a time; they may be deleted meanwhile."""
        store = await (self._store_for(folder.removesuffix("/")) if folder else self._opened())
        try:
            found_pages = obstore.list(store, folder or None, chunk_size=_LISTED_AT_ONCE)
            while (page := await self._answered(anext(found_pages, None), _PAGE_S)) is not None:
                yield [Found(found["path"], found["size"], found["last_modified"]) for found in page]
        except Exception as error:
            raise self._mapped(error) from None

    async def delete_all(self, keys: Sequence[str]) -> None:
        """Remove up to a thousand objects in one request; those that are not there are no error."""
        store = await self._store_for(keys[0])
        try:
            await obstore.delete_async(store, keys)
        except Exception as error:
            raise self._mapped(error) from None

    async def delete(self, key: str) -> None:
        """Remove the object under ``key``; one that is not there is no error."""
        store = await self._store_for(key)
        try:
            await self._answered(obstore.delete_async(store, key))
        except Exception as error:
            raise self._mapped(error) from None

    async def _answered(self, request: Awaitable[T], at_least_s: float = 0.0) -> T:
        """What S3 answers; raises StoreUnavailableError if it takes connections and is silent."""
        within_s = max(self._answer_timeout_s, at_least_s)
        try:
            async with asyncio.timeout(within_s):
                return await request
        except TimeoutError:
            silent = f"bucket {self.bucket!r}: S3 has not answered within {within_s:g} s"
            raise StoreUnavailableError(silent) from None

    async def signing_trouble(self) -> str:
        """Renew the credentials if they are due, and tell why links cannot be signed now; empty if they can.

        While nobody answers, callers wait for half a second in all, and then not at all.
        """
        try:
            await self.open()
            await self._credentials.get(_SIGN_WAIT_S)
        except StoreError as error:
            return str(error)
        return ""

    def presign_get(self, uri: str, expires_s: int, save_as: str = "") -> str:
        """Return a link that anyone can GET for ``expires_s`` seconds (sooner, if role credentials end).

        ``save_as``: a browser that follows it saves a file of this name, which is plain ASCII without quotes.
        ``uri`` is ``s3://bucket/key`` of any bucket, or a key of this one. Asks nobody: raises StoreError unless
        ``signing_trouble`` has told of none. Raises InputError if ``uri`` cannot be one of S3.
        """
        bucket, key = self._located(uri)
        saved = {"ResponseContentDisposition": f'attachment; filename="{save_as}"'} if save_as else {}
        return self._presign("get_object", uri, expires_s, Bucket=bucket, Key=key, **saved)

    def links_origin(self) -> str:
        """The scheme, host and port of links to objects of this bucket; asks nobody. Raises StoreError."""
        links = self._open().links
        endpoint = urlsplit(links.meta.endpoint_url)
        return f"{endpoint.scheme}://{self._host(links)}"

    def presign_put(
        self, key: str, sha256: bytes, size: int, content_type: str, expires_s: int
    ) -> tuple[str, dict[str, str]]:
        """Return a link by which anyone can PUT these bytes, as this type, under the key, for ``expires_s`` seconds.

        Also returns the headers that the request must have: they are signed, and S3 compares the bytes with them.
        Errors are those of ``presign_get``.
        """
        uri = self.uri(key)
        bucket, key = self._located(uri)
        checksum = b64encode(sha256).decode()
        head = {"ContentLength": size, "ContentType": content_type, "ChecksumSHA256": checksum}
        url = self._presign("put_object", uri, expires_s, Bucket=bucket, Key=key, **head)
        headers = {"Content-Length": str(size), "Content-Type": content_type, "x-amz-checksum-sha256": checksum}
        return url, headers

    def _presign(self, operation: str, uri: str, expires_s: int, **asked: object) -> str:
        if not 1 <= expires_s <= MAX_PRESIGN_S:
            raise InputError(f"a link cannot be valid for {expires_s} s; 1 to {MAX_PRESIGN_S} s are possible")
        clients, key_held = self._open(), self._credentials.held()
        clients.signing.access_key, clients.signing.secret_key, clients.signing.token = key_held
        try:
            link: str = clients.links.generate_presigned_url(operation, Params=asked, ExpiresIn=expires_s)
            return link
        except (ParamValidationError, UnicodeError):  # the uri is wrong: no retry and no setting helps
            raise InputError(f"{uri[:200]!r} is not s3://bucket/key") from None
        except BotoCoreError as error:
            raise settings_trouble(error) from None

    def uri(self, key: str) -> str:
        """Return the ``s3://`` address of ``key``."""
        return f"s3://{self.bucket}/{key}"

    def _located(self, uri: str) -> tuple[str, str]:
        if not uri.startswith("s3://"):
            return self.bucket, uri
        bucket, _, key = uri[5:].partition("/")
        if not bucket or not key or any(part in (".", "..") for part in key.split("/")):
            raise InputError(f"{uri[:200]!r} is not s3://bucket/key")
        return bucket, key

    async def _store_for(self, key: str) -> S3Store:
        """Refuse keys that obstore would write under another name (InputError); return what takes the others."""
        if _CONTROL.search(key) or any(part in ("", ".", "..") for part in key.split("/")):
            raise InputError(f"{key!r} is not a key: no part may be empty, '.' or '..' or hold control characters")
        return await self._opened()

    async def _opened(self) -> S3Store:
        if self._clients is None:
            await self.open()
        return self._open().bytes

    def _open(self) -> _Clients:
        with self._opening:
            if self._clients is None:
                check_aws()
                try:
                    self._session = boto3.Session()
                    signing = botocore.session.get_session()
                    signing.set_credentials("", "")
                    links = self._links_client(boto3.Session(botocore_session=signing))
                    check_settings(links.meta.endpoint_url, links.meta.region_name)
                    self._clients = _Clients(self._bytes_client(links), links, signing.get_credentials())
                except (BotoCoreError, BaseError, ValueError) as error:
                    raise settings_trouble(error) from None
            return self._clients

    def _links_client(self, session: boto3.Session) -> Any:
        """Build boto3's client: virtual-hosted links for AWS, path-style ones for any other server."""

        def build(addressing_style: Literal["virtual", "path"]) -> Any:
            return session.client(
                "s3",
                endpoint_url=self._endpoint_url,
                region_name=self._region or session.region_name or DEFAULT_REGION,
                config=Config(signature_version="s3v4", s3={"addressing_style": addressing_style}),
            )

        client = build("virtual")
        return client if _is_aws(client.meta.endpoint_url) else build("path")

    def _bytes_client(self, links: Any) -> S3Store:
        endpoint = urlsplit(links.meta.endpoint_url)
        url = f"{endpoint.scheme}://{self._host(links)}{endpoint.path.rstrip('/')}"
        # All that obstore would otherwise read from the environment by itself, in its own way.
        config: dict[str, Any] = {
            "endpoint": url,
            "aws_endpoint_url_s3": url,
            "region": links.meta.region_name,
            "virtual_hosted_style_request": self._is_virtual(links),
            "skip_signature": False,
        }
        options: dict[str, Any] = {**self._timeouts, "allow_http": endpoint.scheme == "http"}
        return S3Store(
            self.bucket,
            config=config,  # type: ignore[arg-type] # a TypedDict that obstore exports to checkers alone
            client_options=options,  # type: ignore[arg-type] # the same
            retry_config=_RETRIES,  # type: ignore[arg-type] # the same
            credential_provider=self._obstore_credentials,
        )

    def _host(self, links: Any) -> str:
        netloc = urlsplit(links.meta.endpoint_url).netloc
        return f"{self.bucket}.{netloc}" if self._is_virtual(links) else netloc

    def _is_virtual(self, links: Any) -> bool:
        return _is_aws(links.meta.endpoint_url) and "." not in self.bucket  # dots break TLS's wildcard

    async def _obstore_credentials(self) -> S3Credential:
        try:
            key = await self._credentials.get(_WAIT_S)
        except StoreError as error:
            self._credential_trouble = error
            raise
        self._credential_trouble = None
        lifetime_s = self._credentials.loaded_at + _CREDENTIALS_TTL_S - time.monotonic()
        return {
            "access_key_id": key.name,
            "secret_access_key": key.secret,
            "token": key.token,
            "expires_at": datetime.now(UTC) + timedelta(seconds=lifetime_s),
        }

    def _load_credentials(self) -> AccessKey:
        found = self._session.get_credentials() if self._session else None
        if found is None:
            raise NoCredentialsError
        frozen = found.get_frozen_credentials()
        if not frozen.access_key or not frozen.secret_key:
            raise NoCredentialsError
        return checked_key(AccessKey(frozen.access_key, frozen.secret_key, frozen.token))

    def _missing(self, error: FileNotFoundError, key: str) -> Exception:
        """Tell an object that is not there from a bucket that is not."""
        if "NoSuchBucket" in str(error):
            return self._mapped(error)
        return LostObjectError(f"there is no object {self.uri(key)}")

    def _mapped(self, error: Exception) -> Exception:
        return sorted_error(error, self.bucket, self._credential_trouble)


def _is_aws(endpoint_url: str) -> bool:
    return (urlsplit(endpoint_url).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))
