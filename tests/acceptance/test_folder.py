"""From a folder of pictures to results, and some of them done again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.harness.pictures import field
from tests.harness.processes import RETOUCH, run
from tests.harness.scene import Scene


def command(scene: Scene, *arguments: str | Path) -> Any:
    ended = run([RETOUCH, *arguments, "--wait", "--json"], env=scene.environment)
    assert ended.code == 0, ended
    return json.loads(ended.out)


def test_a_folder_becomes_results_and_one_is_redone(scene: Scene, tmp_path: Path) -> None:
    """Each result has the size that keeps its picture's aspect; objects in S3 are fitted by their header too."""
    for name in ("exif-rotated.jpg", "palette.png"):
        (tmp_path / name).write_bytes(field(name))
    scene.worker()
    told = command(scene, "enqueue", tmp_path, "--prompt", "an oil painting of {stem}", "--size", "fit:256")
    assert told["counts"] == {"completed": 2}
    results = {result.custom_id: result for result in scene.queue.results(told["batch"])}
    sizes = {name: (one.outputs[0].width, one.outputs[0].height) for name, one in results.items()}
    assert sizes == {"exif-rotated": (192, 256), "palette": (256, 256)}
    assert results["palette"].init_image == str(tmp_path / "palette.png")
    (tmp_path / "ids.txt").write_text("exif-rotated\n")
    options = ("--only", tmp_path / "ids.txt", "--vary", "seed=1,2", "--set", "width=null", "--set", "height=null")
    again = command(scene, "redo", told["batch"], *options, "--size", "fit:128")
    assert again["batch"] == f"{told['batch']}-redo-1"
    redone = {result.custom_id: result for result in scene.queue.results(again["batch"])}
    assert set(redone) == {"exif-rotated.seed-1", "exif-rotated.seed-2"}
    for result in redone.values():
        assert (result.outputs[0].width, result.outputs[0].height) == (96, 128)
        assert result.redo_of == f"{told['batch']}/exif-rotated"
        assert result.init_image == str(tmp_path / "exif-rotated.jpg")
