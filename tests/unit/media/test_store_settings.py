"""AWS settings that the S3 library would panic of are refused in a sentence before it sees them."""

from __future__ import annotations

import pytest

from retouch.errors import StoreRefusedError
from retouch.media import store as store_module
from retouch.media.store import Store

pytestmark = pytest.mark.anyio

SETTINGS = {
    "AWS_ACCESS_KEY_ID": "planted-name",
    "AWS_SECRET_ACCESS_KEY": "planted-secret",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Settings that can be used."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AWS_ACCESS_KEY_ID", "planted\n"),
        ("AWS_ACCESS_KEY_ID", "planted\x7f"),
        ("AWS_SECRET_ACCESS_KEY", "planted\n"),
        ("AWS_SECRET_ACCESS_KEY", "planted "),
        ("AWS_SESSION_TOKEN", "planted\r\n"),
        ("AWS_SESSION_TOKEN", "planted\x01planted"),
        ("AWS_DEFAULT_REGION", "us-east-1\n"),
        ("AWS_DEFAULT_REGION", "us east"),
        *(
            ("AWS_ENDPOINT_URL_S3", url)
            for url in (
                *("http://127.0.0.1:1/a b", "http://127.0.0.1:99999", "http://127.0.0.1:1 ", "http://127.0.0.1:1\n"),
                *(
                    "http://a b",
                    "http://é.example",
                    "http://[::1",
                    "http://",
                    "ftp://x",
                    "http://a<b",
                    "s3.example.com",
                ),
                *("http://127.0.0.1:1/?planted", "http://127.0.0.1:1/#planted"),
            )
        ),
    ],
)
async def test_a_setting_that_cannot_be_used_is_named(
    environment: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """Such as the newline that `base64` of a Kubernetes Secret often holds; nothing of a key or a URL is shown."""
    environment.setenv(variable, value)
    with pytest.raises(StoreRefusedError, match=variable) as told:
        await Store("bucket").put("key", b"", "image/png")
    assert "planted" not in str(told.value)
    assert "\n" not in str(told.value)
    if variable.endswith(("KEY_ID", "KEY", "TOKEN")):
        assert variable in await Store("bucket").signing_trouble()


async def test_a_panic_of_the_library_is_a_refusal(environment: pytest.MonkeyPatch) -> None:
    """Whatever else it may panic of: a worker pauses for it and tells why, and a command ends with a sentence."""
    environment.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1/a b")
    environment.setattr(store_module, "check_settings", lambda *_settings: None)
    store = Store("bucket")
    with pytest.raises(StoreRefusedError, match="the S3 library cannot work with"):
        await store.put("key", b"", "image/png")
    with pytest.raises(StoreRefusedError, match="the S3 library cannot work with"):
        await store.exists("key")
    with pytest.raises(StoreRefusedError, match="the S3 library cannot work with"):
        [_ async for _ in store.pages("folder")]
    with pytest.raises(StoreRefusedError, match="the S3 library cannot work with"):
        await store.delete_all(["key"])
    with pytest.raises(StoreRefusedError, match="the S3 library cannot work with"):
        await store.read_range("key", 0, 1)
