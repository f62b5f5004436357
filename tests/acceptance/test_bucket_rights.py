"""The bucket policies of docs/getting-started.md: what workers and producers ask of S3, and no more."""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from botocore.exceptions import ClientError
from PIL import Image

from tests.harness.guarded_s3 import GuardedS3
from tests.harness.pictures import field
from tests.harness.processes import RETOUCH, Ended, run
from tests.harness.proxy import Proxy
from tests.harness.scene import Scene

PAGE = (Path(__file__).parents[2] / "docs" / "getting-started.md").read_text()
SIDE = 1536  # pixels of a noise that is stored in two parts
REQUEST = re.compile(rb"(GET|HEAD|PUT|POST|DELETE) /([^ ?]+)(\?\S*)? HTTP/1\.1\r\n")

Need = tuple[str, str]  # an action of S3, and what it is done to


def blocks(heading: str) -> list[Any]:
    """The JSON under a heading of the page."""
    part = re.split(r"^#+ ", PAGE.partition(f"# {heading}\n")[2], flags=re.MULTILINE)[0]
    return [json.loads(text) for text in re.findall(r"^```json.*?\n(.*?)^```", part, re.MULTILINE | re.DOTALL)]


class Asked:
    """What was asked of S3 through a proxy, as the rights that Amazon wants for it."""

    def __init__(self) -> None:
        self.needs: set[Need] = set()

    def __call__(self, piece: bytes) -> bool:
        """Take note of a piece of the traffic; cuts nothing."""
        if request := REQUEST.match(piece):
            self.needs |= set(_needs(request[1].decode(), unquote(request[2].decode()), (request[3] or b"").decode()))
        if b"<Delete" in piece and b"<DeleteResult" not in piece:
            self.needs |= {("s3:DeleteObject", self._bucket + key) for key in _keys(piece)}
        return False

    @property
    def _bucket(self) -> str:
        return f"{next(where for _, where in self.needs).partition('/')[0]}/"


def _keys(piece: bytes) -> list[str]:
    return [key.decode() for key in re.findall(rb"<Key>([^<]*)</Key>", piece)]


def _needs(method: str, where: str, query: str) -> list[Need]:
    if "list-type=2" in query:
        return [("s3:ListBucket", where.rstrip("/"))]
    if method == "POST" and query.startswith("?delete"):
        return []  # of each key in its body
    if method == "DELETE":
        return [("s3:AbortMultipartUpload" if "uploadId=" in query else "s3:DeleteObject", where)]
    if method in ("PUT", "POST"):
        return [("s3:PutObject", where)]
    needs = [("s3:GetObject", where)]
    if method == "HEAD":  # without this right Amazon answers 403 where there is no such object
        needs.append(("s3:ListBucket", where.partition("/")[0]))
    return needs


def granted(statements: list[Any], bucket: str, prefix: str) -> set[Need]:
    """Each action with each resource of a policy, for this bucket and prefix as the page says it is adapted."""

    def adapted(resource: str) -> str:
        assert resource.startswith("arn:aws:s3:::my-edits")
        return resource.removeprefix("arn:aws:s3:::").replace("my-edits/", f"{bucket}/{prefix}").replace(
            "my-edits", bucket
        )  # fmt: skip

    def each(value: str | list[str]) -> list[str]:
        return [value] if isinstance(value, str) else value

    assert all(statement["Effect"] == "Allow" for statement in statements)
    return {
        (action, adapted(resource))
        for statement in statements
        for action in each(statement["Action"])
        for resource in each(statement["Resource"])
    }


def assert_fits(needs: set[Need], rights: set[Need]) -> None:
    """Nothing is asked for that is not granted, and nothing is granted that was not asked for."""

    def covers(right: Need, need: Need) -> bool:
        return right[0] == need[0] and fnmatchcase(need[1], right[1])

    assert {need for need in needs if not any(covers(right, need) for right in rights)} == set()
    assert {right for right in rights if not any(covers(right, need) for need in needs)} == set()


def noise() -> bytes:
    """A picture that no format makes small."""
    buffer = io.BytesIO()
    pixels = random.Random(0).randbytes(SIDE * SIDE * 3)
    Image.frombytes("RGB", (SIDE, SIDE), pixels).save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


@pytest.mark.slow
def test_a_worker_asks_for_what_its_policy_grants(scene: Scene) -> None:
    """Links to uploaded pictures, images of every size, one that breaks off, and the files of a batch."""
    asked, hosts = Asked(), scene.environment["RETOUCH_PRIVATE_HOSTS"]
    folder = f"{scene.prefix}_inputs"
    for name, data in (("small.png", field("palette.png")), ("large.png", noise())):
        scene.s3.client().put_object(Bucket=scene.s3.bucket, Key=f"{folder}/{name}", Body=data)
    scene.api.trouble("truncated", variant="cut", times=1, match="cut")
    with Proxy(scene.s3.host) as proxy:
        proxy.aim(asked)
        settings = {"AWS_ENDPOINT_URL_S3": f"http://{proxy.host}", "private_hosts": f"{hosts},{proxy.host}"}
        scene.another_worker(**settings)
        small = scene.enqueue(1, init_image=f"s3://{scene.s3.bucket}/{folder}/small.png")
        large = {"width": SIDE, "height": SIDE, "init_image": f"s3://{scene.s3.bucket}/{folder}/large.png"}
        cut = scene.enqueue(1, **large, strength=0, prompt="cut")
        for batch in (small, cut):
            assert scene.finish(batch)["c0"]["state"] == "completed"
        ended = run([RETOUCH, "doctor"], env=scene.settings(**settings))
        assert ended.code == 0, ended
    [policy, *_] = blocks("The bucket's policies")
    assert_fits(asked.needs, granted(policy["Statement"], scene.s3.bucket, scene.prefix))


@pytest.mark.slow
def test_a_producer_asks_for_what_its_policy_grants(scene: Scene, tmp_path: Path) -> None:
    """Pictures to upload and to look at, downloads, sheets, results of earlier batches; to remove images takes more."""
    asked = Asked()
    (tmp_path / "cat.png").write_bytes(field("palette.png"))
    s3_picture = f"s3://{scene.s3.bucket}/{scene.prefix}_inputs/theirs.png"
    scene.s3.client().put_object(Bucket=scene.s3.bucket, Key=s3_picture.split("/", 3)[3], Body=field("palette.png"))
    manifest = tmp_path / "theirs.jsonl"
    manifest.write_text(json.dumps({"custom_id": "theirs", "prompt": "oil", "init_image": s3_picture}))
    scene.worker()
    with Proxy(scene.s3.host) as proxy:
        proxy.aim(asked)
        env = scene.settings(AWS_ENDPOINT_URL_S3=f"http://{proxy.host}")

        def command(*arguments: str | Path) -> Ended:
            ended = run([RETOUCH, *arguments], env=env)
            assert ended.code == 0, ended
            return ended

        command("doctor")
        command("enqueue", tmp_path, "--match", "*.png", "--prompt", "oil", "--batch", "cats", "--wait")
        command("enqueue", manifest, "--batch", "theirs", "--size", "fit:64", "--check-images", "--wait")
        command("download", "cats", tmp_path / "results")
        command("sheet", "cats", "-o", tmp_path / "cats.png")
        command("remove", "cats", "--yes")
        assert '"cat"' in command("results", "cats").out
        [_, policy, removal, *_] = blocks("The bucket's policies")
        rights = granted(policy["Statement"], scene.s3.bucket, scene.prefix)
        assert_fits(asked.needs, rights)
        command("remove", "theirs", "--images", "--yes")
    assert_fits(asked.needs, rights | granted([removal], scene.s3.bucket, scene.prefix))


KEYS = ("_inputs/cat.png", "_inputs/.probe", "_retouch/probe", "b/cat/0.png", "b/manifest.jsonl", "b/_SUCCESS")
RIGHTS = {
    "worker": {
        *(("put", key) for key in KEYS),
        *(("get", key) for key in KEYS if key.startswith("_inputs/")),
        *(("delete", key) for key in ("b/_SUCCESS", "_retouch/probe", "_inputs/.probe")),
    },
    "producer": {
        ("list", ""),
        *(("get", key) for key in KEYS),
        *(("put", key) for key in KEYS if key.startswith("_inputs/")),
        ("delete", "_inputs/.probe"),
    },
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedS3]:
    """A server that keeps to the page's policies, with an object under each key."""
    worker, producer, _ = blocks("The bucket's policies")
    server = GuardedS3(tmp_path_factory.mktemp("guarded"), "my-edits", {"worker": worker, "producer": producer})
    server.start()
    yield server
    server.kill()


@pytest.mark.parametrize("user", RIGHTS)
def test_a_real_server_reads_the_policies_as_they_are_meant(guarded: GuardedS3, user: str) -> None:
    """What each may do, of all that can be done to each kind of object; all else is refused."""
    own, client = guarded.client(), guarded.client_of(user)

    def may(action: str, key: str) -> bool:
        if key:
            own.put_object(Bucket="my-edits", Key=key, Body=b"x")
        try:
            if action == "list":
                client.list_objects_v2(Bucket="my-edits")
            elif action == "put":
                client.put_object(Bucket="my-edits", Key=key, Body=b"y")
            else:
                getattr(client, f"{action}_object")(Bucket="my-edits", Key=key)
        except ClientError as error:
            return error.response["Error"]["Code"] != "AccessDenied"
        return True

    actions = [("list", ""), *product(("get", "put", "delete"), KEYS)]
    assert {each for each in actions if may(*each)} == RIGHTS[user]


def test_the_lifecycle_rule_is_one(scene: Scene) -> None:
    """A server takes it as it stands."""
    [rule] = blocks("The lifecycle rule")
    client = scene.s3.client()
    client.put_bucket_lifecycle_configuration(Bucket=scene.s3.bucket, LifecycleConfiguration=rule)
    client.delete_bucket_lifecycle(Bucket=scene.s3.bucket)
