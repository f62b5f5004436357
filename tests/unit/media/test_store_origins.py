"""Where links to objects lead, told without asking anybody."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from retouch.media.store import Store
from tests.harness.waiting import LIMIT_S
from tests.unit.media.test_store_settings import SETTINGS

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("bucket", ["pictures", "pictures.of.others"])
@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:9000", "https://s3.example.com/below"])
async def test_links_begin_with_their_origin(
    monkeypatch: pytest.MonkeyPatch, bucket: str, region: str, endpoint: str
) -> None:
    """Of AWS, where the bucket is a part of the host, and of other servers."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    if endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    else:
        monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    store = Store(bucket, timeout_s=LIMIT_S)
    assert await store.signing_trouble() == ""
    link = urlsplit(store.presign_get("a/0.png", 60))
    assert store.links_origin() == f"{link.scheme}://{link.netloc}"
