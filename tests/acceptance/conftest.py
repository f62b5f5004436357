"""Real servers and real workers: one endpoint for all tests, workers shared by tests with equal settings."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image
from scene import Crew, Scene
from servers import Web

from workers.stack.endpoint import Endpoint
from workers.stack.s3 import S3

INPUT_KEY = "inputs/picture.png"


@pytest.fixture(scope="session")
def picture() -> bytes:
    """A small PNG."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((64, 64)).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def pictures(picture: bytes) -> Iterator[Web]:
    """A host of pictures that workers may call."""
    with Web(lambda _request: (200, picture)) as web:
        yield web


@pytest.fixture
def stranger(picture: bytes) -> Iterator[Web]:
    """A host on a private address that workers may not call."""
    with Web(lambda _request: (200, picture)) as web:
        yield web


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """The img2img endpoint as a process."""
    endpoint = Endpoint(tmp_path_factory.mktemp("endpoint"), private_hosts="127.0.0.1")
    endpoint.start()
    yield endpoint
    endpoint.kill()


@pytest.fixture(scope="session")
def crew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    """The workers of this run."""
    crew = Crew(tmp_path_factory.mktemp("workers"))
    yield crew
    crew.end()


@pytest.fixture
def scene(redis_url: str, s3: S3, endpoint: Endpoint, crew: Crew, pictures: Web, picture: bytes) -> Iterator[Scene]:
    """A fresh scene; at its end nothing that anyone can read may hold a secret."""
    if not s3.child.running:  # a test that killed it need not mend it
        s3.start()
    s3.client().put_object(Bucket=s3.bucket, Key=INPUT_KEY, Body=picture)
    scene = Scene(redis_url, s3, endpoint, crew, [pictures.host], f"s3://{s3.bucket}/{INPUT_KEY}")
    yield scene
    scene.api.clear()
    crew.end_test()
    told = scene.told()
    assert [secret[:4] for secret in scene.secrets() if secret in told] == []
