"""Manifests as people have them: each kind of file has one right outcome."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.intake.manifest.reading import outcome, read

FILES = Path(__file__).parents[3] / "manifests"

TAKEN = {
    "ok.csv": "",
    "excel-utf8-bom-crlf.csv": "",
    "newline-in-cell.csv": "",
    "pandas-floats.csv": "",
    "jsonl-crlf-blank-bom.jsonl": "",
    "jsonl-nulls.jsonl": "",
    "jsonl-pandas-int-as-float.jsonl": "",
    "excel-semicolon.csv": "decimal commas are read: 0,6 as 0.6",
    "tabs.tsv": "separated by tabs",
    "capital-header.csv": "Custom_ID as custom_id",
    "excel-cp1252.csv": "was read as Windows-1252: line 2 has 'café'",
    "pandas-index.csv": "a column without a name is left out (it counts the rows)",
    "trailing-comma-rows.csv": "empty cells after the last column are left out",
    "jsonl-array.json": "is a JSON array",
    "jsonl-data-uri.jsonl": "",
    "jsonl-bare-base64.jsonl": "",
    "url-cap-scheme.jsonl": "",
    "url-leading-blank.jsonl": "",
    "url-idn.jsonl": "",
    "url-encoded-space.jsonl": "",
    "url-signed-plus.jsonl": "",
}
REFUSED = {
    "numeric-ids.csv": ('line 3: custom_id "1.70E+12" is what a spreadsheet made',),
    "bare-quote.csv": ('line 3: has a " inside a cell', "write it twice"),
    "smart-quotes.csv": ("line 2: has 4 cells, the header has 3", "typographic quote", "type plain ones"),
    "header-only.csv": ("is empty: it has a header",),
    "jsonl-single-quotes.jsonl": ("line 1: has single quotes", "json.dumps"),
    "jsonl-pretty-2.jsonl": ("line 1 begins an object that goes over several lines", "jq -c ."),
    "jsonl-nan.jsonl": ("line 1: is not allowed: NaN", "write null"),
    "jsonl-duplicate-ids.jsonl": ("line 2: custom_id 'cat-1' is already used on line 1",),
    "jsonl-openai-batch.jsonl": ("line 1 looks like a line of OpenAI's batch API", "init_image for image"),
    "jsonl-a1111.jsonl": (
        "line 1 looks like a request to A1111's img2img",
        "init_image (one address) for init_images, strength for denoising_strength, num_inference_steps for steps,"
        " guidance_scale for cfg_scale, scheduler for sampler_name",
    ),
    "url-drive-share.jsonl": ("is a page of Google Drive", "write https://drive.google.com/uc?export=download&id="),
    "url-s3-console.jsonl": ("is a page of the S3 console", "write s3://photos/cat.png"),
    "url-markdown.jsonl": ("write https://example.com/cat.png alone",),
    "url-double-https.jsonl": ("has two schemes; write https://example.com/cat.png",),
    "url-www.jsonl": ("has no scheme; write https://www.example.com/cat.png",),
    "url-space-in-path.jsonl": ("write https://example.com/my%20cat.png",),
    "url-s3-dotdot.jsonl": ("holds .., which S3 does not resolve; write s3://photos/b.png",),
}


# What is no text in UTF-8, which every file of the project is.
MADE = {
    "excel-cp1252.csv": (
        "custom_id,prompt,init_image,strength,width,safety_checker\r\n"
        "cat-1,a café,https://example.com/cat.png,0.6,512,TRUE\r\n"
    ).encode("cp1252")
}


def data_of(name: str) -> bytes:
    return MADE.get(name) or (FILES / name).read_bytes()


@pytest.mark.parametrize("name", TAKEN)
def test_a_file_is_taken_and_it_is_said_how_it_was_read(name: str) -> None:
    """Where that was not certain; a plain file is read without a word."""
    data = data_of(name)
    assert outcome(data, name) == []
    notes = read(data, name).notes
    assert TAKEN[name] in " ".join(notes)
    assert bool(notes) is bool(TAKEN[name])


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_is_refused_once_with_what_to_do(name: str) -> None:
    """The line, what is wrong, and what to write."""
    (said,) = outcome(data_of(name), name)
    for part in REFUSED[name]:
        assert part in said


def test_every_file_has_its_outcome() -> None:
    """A file that no test reads says nothing."""
    assert {path.name for path in FILES.iterdir()} | MADE.keys() == TAKEN.keys() | REFUSED.keys()
