"""Pictures that somebody on another machine names: nothing of this machine, and of S3 only what they may."""

from __future__ import annotations

from collections.abc import Sequence

from retouch.bucket_names import is_within
from retouch.errors import InputError
from retouch.intake.uploads import Inputs


class RemoteInputs(Inputs):
    """Takes pictures that are in the text itself, and those in S3 that begin with one of ``allowed``.

    ``own``: the one of these to which a caller uploads. ``advice``: what to do with a picture on the caller's machine.
    """

    def __init__(self, bucket: str, prefix: str, own: str, allowed: Sequence[str], advice: str) -> None:
        super().__init__(bucket, prefix)
        self._own = own
        self._allowed: tuple[str, ...] | None = (own, *allowed)
        self._advice = advice

    def trust(self) -> None:
        """Take all addresses in S3 from now on: those of edits that are there."""
        self._allowed = None

    def uri(self, init_image: str) -> str:
        """Refuse a path: it would be one of this machine."""
        raise InputError(
            f"{init_image[:200]} is a path on your machine, which the gateway cannot read: {self._advice}, or write the"
            " address of one, https:// or s3://"
        )

    def check_address(self, address: str) -> None:
        """Refuse a picture in S3 that the caller may not name."""
        if self._allowed is not None and not is_within(address, self._allowed):
            raise InputError(
                f"{address[:200]} is in none of the places that this key may name: {', '.join(self._allowed)}"
            )
