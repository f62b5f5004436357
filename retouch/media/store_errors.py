"""What is wrong with a bucket: errors of the S3 libraries sorted by who can help, and settings they cannot take."""

from __future__ import annotations

import re

from botocore.exceptions import (
    BotoCoreError,
    CredentialRetrievalError,
    HTTPClientError,
    InvalidRegionError,
    MetadataRetrievalError,
    NoCredentialsError,
    ProfileNotFound,
)
from obstore.exceptions import BaseError

from retouch.errors import StoreError, StoreRefusedError, StoreUnavailableError
from retouch.media.credentials import AccessKey
from retouch.net.addresses import is_http_url

_KEY_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
_NO_ENDPOINT = (
    "the AWS settings cannot be used: the endpoint (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, or endpoint_url of the"
    " profile) is not a URL such as https://s3.example.com:9000"
)
_NO_REGION = (
    "the AWS settings cannot be used: the region (AWS_DEFAULT_REGION, or region of the profile)"
    " is not the name of one, such as eu-central-1"
)
_NO_ANSWER = "no answer (see AWS_ENDPOINT_URL_S3, and the network)"
_OF_OBSTORE = (BaseError, OSError, ValueError)
_REGION = re.compile(r"[A-Za-z0-9-]+")
_NOT_OF_A_KEY = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]|^\s|\s$")
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([\w.]{1,80})</Code>|\(code: ([\w.]{1,80})\)")
_UNWILLING_STATUSES = frozenset({"301", "401", "403"})
_UNWILLING_CODES = frozenset(
    {
        "AccessDenied",
        "AuthorizationHeaderMalformed",
        "ExpiredToken",
        "IllegalLocationConstraintException",
        "InvalidAccessKeyId",
        "InvalidBucketName",
        "InvalidToken",
        "NoSuchBucket",
        "SignatureDoesNotMatch",
    }
)


def sorted_error(error: Exception, bucket: str, credential_trouble: StoreError | None) -> Exception:
    """Sort obstore's error by what it quotes of the answer; the text itself may hold anything.

    ``credential_trouble``: why there were no credentials, which obstore does not say. An error of anybody else is
    returned as it is.
    """
    if _is_panic(error):
        return StoreRefusedError(
            f"bucket {bucket!r} cannot be used: the S3 library cannot work with its name, its endpoint"
            " (AWS_ENDPOINT_URL_S3) or the AWS keys"
        )
    if not isinstance(error, _OF_OBSTORE):
        return error
    if credential_trouble is not None:
        return credential_trouble
    text = str(error)
    status, code = _STATUS.search(text), _CODE.search(text)
    name = (code[1] or code[2]) if code else (status[1] if status else _NO_ANSWER)
    if "redirect without LOCATION" in text:
        return StoreRefusedError(f"bucket {bucket!r} lies in another region than AWS is configured for")
    if (status and status[1] in _UNWILLING_STATUSES) or name in _UNWILLING_CODES:
        return StoreRefusedError(f"bucket {bucket!r} refuses: {name}")
    if isinstance(error, FileNotFoundError):
        return StoreRefusedError(f"bucket {bucket!r} does not exist")
    return StoreUnavailableError(f"bucket {bucket!r} cannot be used for now: {name}")


def statuses(error: Exception) -> list[str]:
    """The HTTP statuses that obstore's error quotes."""
    return _STATUS.findall(str(error))


def _is_panic(error: Exception) -> bool:
    return type(error).__name__ == "RustPanic"  # which no module exports


def check_settings(endpoint_url: str, region: str) -> None:
    """Raise StoreRefusedError for what obstore would panic of."""
    if not is_http_url(endpoint_url) or not endpoint_url.isascii() or re.search(r"[<>\"{}|^`?#]", endpoint_url):
        raise StoreRefusedError(_NO_ENDPOINT)
    if not _REGION.fullmatch(region):
        raise StoreRefusedError(_NO_REGION)


def checked_key(key: AccessKey) -> AccessKey:
    """Raise StoreRefusedError, which shows nothing of the key, if no key of AWS can look so."""
    for name, value in zip(_KEY_VARIABLES, key, strict=True):
        if value and _NOT_OF_A_KEY.search(value):
            raise StoreRefusedError(
                f"the AWS credentials cannot be used: {name} (or what stands for it) holds a newline, a control"
                " character, or a blank at an end; write it again without"
            )
    return key


def credentials_trouble(error: Exception) -> StoreError:
    """Why boto3 found no credentials, or did not renew them."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, NoCredentialsError):
        return StoreRefusedError("no AWS credentials were found: set AWS_ACCESS_KEY_ID or AWS_PROFILE, or use a role")
    passing = (HTTPClientError, CredentialRetrievalError, MetadataRetrievalError)
    if isinstance(error, passing) or not isinstance(error, BotoCoreError):  # those that are not boto3's: of its sources
        return StoreUnavailableError(f"AWS credentials cannot be renewed: {type(error).__name__}")
    return settings_trouble(error)


def settings_trouble(error: Exception) -> StoreError:
    """Why boto3 cannot work with the AWS settings."""
    if isinstance(error, InvalidRegionError):
        return StoreRefusedError(_NO_REGION)
    if isinstance(error, ValueError):
        return StoreRefusedError(_NO_ENDPOINT)
    reason = str(error) if isinstance(error, ProfileNotFound) else type(error).__name__
    return StoreRefusedError(f"the AWS settings cannot be used: {reason}")
