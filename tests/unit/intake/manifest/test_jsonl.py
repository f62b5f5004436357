"""JSON lines and arrays, the good and the bad."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest

from retouch.errors import InputError
from retouch.intake.manifest.jsonl import MAX_ARRAY
from retouch.intake.manifest.lines import MAX_LINE, MAX_TEXT
from tests.unit.intake.manifest.reading import outcome, read

ONE = b'{"custom_id": "a"}'


@pytest.mark.parametrize("data", [ONE, ONE + b"\n", b"\xef\xbb\xbf" + ONE + b"\r\n", b"\r\n \n" + ONE, b"\r\r" + ONE])
def test_bom_line_ends_and_blank_lines_are_accepted(data: bytes) -> None:
    """What editors and other systems leave behind is no error."""
    (line,) = read(data).lines
    assert line.fields == {"custom_id": "a"}
    assert line.problem is None


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_are_counted_as_an_editor_counts_them(end: bytes) -> None:
    """Blank lines count."""
    assert [line.number for line in read(end + ONE + end * 2 + ONE).lines] == [2, 4]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_read_and_said(encoding: str) -> None:
    """A redirect in PowerShell writes it."""
    found = read('{"custom_id": "a", "prompt": "café"}\r\n'.encode(encoding))
    assert [line.fields for line in found.lines] == [{"custom_id": "a", "prompt": "café"}]
    assert found.notes == ["m.jsonl is read as UTF-16"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"garbage", "is not JSON: Expecting value at position 1"),
        (b"5", "is not a JSON object"),
        (b'{"a": "\x00"}', "holds a NUL byte"),
        (b'{"a": "caf\xe9"}', "is not UTF-8: byte 0xe9 at position 11; save it as UTF-8"),
        (b'{"a": 1, "a": 2}', "is not allowed: the field 'a' is there twice"),
        (b'{"a": NaN}', "is not allowed: NaN is no JSON; write null, or leave the field out"),
        (b'{"a": -Infinity}', "is not allowed: -Infinity is no JSON; write null, or leave the field out"),
        (b'{"a": nan}', "has nan at position 7, which is no JSON; write null, or leave the field out"),
        (b'{"a": -1e999}', "is not allowed: -1e999 is too large a number"),
        (b'{"a": ' + b"9" * 5000 + b"}", "holds a number that is too long"),
        (b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "is nested too deeply"),
        (b'{"a": "' + b"x" * MAX_LINE + b'"}', f"is longer than {MAX_LINE // 1024} KiB"),
        (b'{"a": "' + b"x" * MAX_TEXT + b'"}', "is longer than 1024 KiB, without a picture in it"),
        (b"{'a': 1}", "has single quotes, as Python prints a dict; JSON has double quotes: write it with json.dumps"),
        (b'{"a": True}', "has True, as Python prints it, at position 7; write it with json.dumps"),
        ("{“a”: 1}".encode(), "has a typographic quote (“) at position 2; type a plain one"),
        (b'{"a": 1}, {"a": 2}', "holds more than one object; write one a line"),
        (b'{"a": 1}{"a": 2}', "holds more than one object; write one a line"),
        (b'{"a": 1},', "ends with a comma, which JSONL does not have between its lines"),
        (b'{"a": 1,}', "has a comma before } at position 9"),
        (b"{a: 1}", "has a name without double quotes at position 2"),
        (b"// a cat", "has a comment at position 1, which JSON does not know"),
        (b'{"a": "C:\\cats"}', "has a single \\ in a text at position 10; write two, or / in a path"),
        (b'{"a": "b\tc"}', "has a tab or another control character in a text at position 9; write \\t or \\n"),
        (b'{"a": "b', "is not whole JSON: it ends within its object, at position 8"),
    ],
)
def test_a_bad_line_is_named_and_the_next_one_is_read(line: bytes, problem: str) -> None:
    """One bad line does not hide the others."""
    lines = read(ONE + b"\n" + line + b"\n" + ONE).lines
    assert [seen.problem for seen in lines] == [None, problem, None]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"[]", "is empty"),
        (b"hello\nworld\n", "is neither JSONL nor a table of edits: line 1 is not JSON"),
        (b'{"custom_id": "a",\n "prompt": "b"}\n', "line 1 begins an object that goes over several lines"),
        (b'\n{\n  "custom_id": 1\n}\n{\n}\n', "line 2 begins an object that goes over several lines"),
        (b"[" + ONE + b"]\n[" + ONE + b"]", "line 2 goes on after the array's end"),
        (b"[" + ONE + b",\n{'custom_id': 1}]", "line 2 has single quotes"),
        (b"[" + ONE, "is not whole JSON"),
        (b'[{"custom_id": NaN}]', "NaN is no JSON"),
        (b"[" * 200_000, "nested too deeply|is not whole"),
        (
            b"[" + b" " * MAX_ARRAY + b"]",
            "is a JSON array of more than 64 MiB; write one object a line: jq -c '.\\[\\]'",
        ),
        (b'{"custom_id":{"0":"a"},"prompt":{"0":"b"},"x":1}', "to_json\\(orient='records', lines=True\\)"),
        (b'{"edits":[{"custom_id":"a"}]}', "holds a list in 'edits'; write one edit a line"),
        (b'{"3":{"class_type":"KSampler","inputs":{"steps":20,"cfg":7}}}', "ComfyUI.*num_inference_steps for steps"),
        (
            b'{"3":{"class_type":"VAEDecode","inputs":{}}}',
            "ComfyUI; write a flat object: custom_id, prompt, init_image,",
        ),
        (b'{"prompt":{"3":{"class_type":"KSampler","inputs":{"cfg":7}}}}', "ComfyUI.*guidance_scale for cfg"),
        (
            b'{\n "3": {\n  "class_type": "KSampler", "inputs": {"cfg": 7}}\n}',
            "line 1 looks like a workflow of ComfyUI",
        ),
        (b'{"last_node_id":1,"nodes":[],"links":[],"version":0.4}', "ComfyUI, as its editor saves it; write a flat"),
        (
            b'{"custom_id":"a","params":{"seed":1}}',
            "fields in 'params'.*jq -c '\\. \\+ \\.params | del\\(\\.params\\)'",
        ),
        (b'{"id":"a","parameters":{"prompt":"x"}}', "holds fields in 'parameters'; write them beside the others"),
        (b'{"file_name":"a.png","text":"x"}', "imagefolder; .*custom_id: .*, init_image: .file_name, prompt: .text}'"),
        (b'{"file_name":"a.png","caption":"x"}', "imagefolder; .*, prompt: .caption}'"),
        (b'{"input":{"prompt":"x","image":"y","prompt_strength":0.5}}', "Replicate.*strength for prompt_strength"),
        (b'{"image":"y","prompt":"x","n":1,"size":"512x512"}', "OpenAI's image edits.*samples for n"),
        (b'[{"init_images":["y"],"prompt":"x"}]', "line 1 looks like a request to A1111"),
    ],
)
def test_a_file_that_is_no_manifest_gets_one_sentence(data: bytes, sentence: str) -> None:
    """Instead of one for each of its lines."""
    with pytest.raises(InputError, match=sentence):
        read(data)


def test_an_array_of_edits_is_taken_and_counted_by_place() -> None:
    """``json.dump`` writes it on one line, with or without line ends."""
    found = read('[\n{"custom_id": "a"},\n5,\n{"custom_id": "b"}\n]', "m.json")
    assert [(line.number, line.problem) for line in found.lines] == [(1, None), (2, "is not a JSON object"), (3, None)]


def test_a_line_may_hold_a_picture() -> None:
    """It is longer than any other line may be; the rest of it is bounded as ever."""
    picture = "data:image/png;base64," + b64encode(bytes(2 * MAX_TEXT)).decode()
    edit = {"custom_id": "a", "prompt": "x", "init_image": picture}
    assert [line.problem for line in read(json.dumps(edit)).lines] == [None]
    (said,) = outcome(json.dumps(edit), "m.jsonl")
    assert "is not PNG, JPEG or WebP" in said
    assert len(said) < 400
