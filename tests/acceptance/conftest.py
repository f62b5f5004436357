"""Real servers and real workers: one endpoint for all tests, workers shared by tests with equal settings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.api import Api
from tests.harness.crew import Crew
from tests.harness.scene import Scene
from tests.harness.web import Web
from tests.harness.world import png
from workers.stack.s3 import S3

INPUT_KEY = "inputs/picture.png"


@pytest.fixture(scope="session")
def picture() -> bytes:
    """A small PNG."""
    return png()


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
def shared_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """The endpoint for all tests; each finds it in its scene, where its record begins anew."""
    api = Api(tmp_path_factory.mktemp("endpoint"))
    api.start()
    yield api
    api.child.kill()


@pytest.fixture(scope="module")
def crew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    """The workers of one file: one that lived on would take the edits of other tests on the same Redis."""
    crew = Crew(tmp_path_factory.mktemp("workers"))
    yield crew
    crew.end()


@pytest.fixture
def scene(redis_url: str, s3: S3, shared_api: Api, crew: Crew, pictures: Web, picture: bytes) -> Iterator[Scene]:
    """A fresh scene; at its end nothing that anyone can read may hold a secret."""
    if not s3.child.running:  # a test that killed it need not mend it
        s3.start()
    s3.client().put_object(Bucket=s3.bucket, Key=INPUT_KEY, Body=picture)
    hosts = f"{shared_api.host},{s3.host},{pictures.host}"
    scene = Scene(redis_url, s3, shared_api, crew, init_image=f"s3://{s3.bucket}/{INPUT_KEY}", hosts=hosts)
    yield scene
    scene.api.clear()
    crew.end_test()
    told = scene.told()
    assert [secret[:4] for secret in scene.secrets() if secret in told] == []
