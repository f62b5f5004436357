"""What may stand in ``init_image``, and what is said about what may not."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from retouch.edit import Edit, explain
from retouch.image_address import ImageKind, clean, hint, is_embedded, kind_of, shown

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (" https://example.com/cat.png\n", "https://example.com/cat.png"),
        ("\u00a0https://example.com/cat.png\ufeff", "https://example.com/cat.png"),
        ("Https://Example.com/Cat.png", "https://Example.com/Cat.png"),
        ("Https://e.com/my%20cat.png?Sig=a+b%2Bc%2F", "https://e.com/my%20cat.png?Sig=a+b%2Bc%2F"),
        ("S3://photos/cat.png", "s3://photos/cat.png"),
        ("file:///tmp/my%20cat.png", "/tmp/my cat.png"),
        ("FILE://localhost/tmp/cat.png", "/tmp/cat.png"),
        *(
            (same, same)
            for same in (
                "https://bücher.example/cat.png",
                "https://example.com/my%20cat.png",
                "https://b.s3.amazonaws.com/k?X-Amz-Signature=a+b%2Bc%2F&x=1",
                "https://bucket.s3.amazonaws.com/cat.png",
                "https://web.archive.org/web/2020/https://example.com/cat.png",
                "https://wsrv.nl/?url=https://example.com/a,b.png",
                "http://10.0.0.5:9000/a.png",
                "https://www.dropbox.com/s/abc/cat.png?raw=1",
                "https://i.ibb.co/abc/cat.png",
                "https://i.postimg.cc/abc/cat.png",
                "https://i.gyazo.com/0123.png",
                "https://gyazo.com/0123.png",
                "https://cdn.pixabay.com/photo/2017/01/01/cat.jpg",
                "https://huggingface.co/datasets/a/b/resolve/main/cat.png",
                "https://huggingface.co/spaces/a/b/resolve/main/cat.png",
                "https://app.box.com/shared/static/abc.png",
                "https://www.dropbox.com/scl/fi/abc/cat.png?rlkey=x&dl=1",
                "https://drive.google.com/uc?export=download&id=abc",
                "https://drive.google.com/thumbnail?id=abc",
                "https://i.imgur.com/abc.png",
                "https://i.pinimg.com/originals/a.jpg",
                "https://github.com/u/r/raw/main/cat.png",
                "https://github.com/u/r/blob/main/cat.png?raw=true",
                "https://upload.wikimedia.org/a.jpg",
                "https://netflix.com/a/status/1.png",
                "s3://photos/a b/ü/..cat..png",
                "s3://photos/a//b.png",
                "pictures/a.png",
                "/srv/pictures/a.png",
                "a:b.png",
                "example.com/cat.png",
            )
        ),
    ],
)
def test_an_address_is_taken_as_people_write_it(given: str, read: str) -> None:
    """Blanks around it and capitals in a scheme are no mistake; all else stays letter for letter."""
    assert clean(given) == read


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("https://https://example.com/cat.png", "has two schemes; write https://example.com/cat.png"),
        ("https://http//example.com/cat.png", "has two schemes; write http://example.com/cat.png"),
        ("s3://https://example.com/cat.png", "has two schemes; write https://example.com/cat.png"),
        ("https:/example.com/cat.png", "is not a URL; write https://example.com/cat.png"),
        ("https//example.com/cat.png", "is not a URL; write https://example.com/cat.png"),
        ("https;//example.com/cat.png", "is not a URL; write https://example.com/cat.png"),
        ("s3:/photos/cat.png", "is not a URL; write s3://photos/cat.png"),
        (r"https:\\example.com\cat.png", "is not a URL; write https://example.com/cat.png"),
        (r"https://example.com\cat.png", "write / for .: https://example.com/cat.png"),
        ("www.example.com/cat.png", "has no scheme; write https://www.example.com/cat.png"),
        ("//cdn.example.com/cat.png", "begins with //: write https:"),
        ("https://example.com/my cat.png", "holds white space; write https://example.com/my%20cat.png"),
        ("https://example.com/my\u00a0cat.png", "holds white space; write https://example.com/my%C2%A0cat.png"),
        ("https://example.com/a.png, https://example.com/b.png", "more than one address"),
        ("https://example.com/a.png\nhttps://example.com/b.png", "more than one address"),
        ("[cat](https://example.com/cat.png)", "write https://example.com/cat.png alone"),
        ("![](https://example.com/cat.png?sig=secret)", "write https://example.com/cat.png alone"),
        ('<img src="https://example.com/cat.png">', "write https://example.com/cat.png alone"),
        ("<https://example.com/cat.png>", "write https://example.com/cat.png alone"),
        ('=IMAGE("https://example.com/cat.png")', "write https://example.com/cat.png alone"),
        ("url: https://example.com/cat.png", "write https://example.com/cat.png alone"),
        ('https://example.com/cat.png">cat</a>', "write https://example.com/cat.png alone"),
        ("s3://photos/a/../b.png", "holds .., which S3 does not resolve; write s3://photos/b.png"),
        ("s3://photos/./b.png", "holds ., which S3 does not resolve; write s3://photos/b.png"),
        ("s3://photos/a/", "names a folder"),
        ("s3://photos", "is not s3://bucket/key"),
        ("s3a://photos/a.png", "write s3://photos/a.png"),
        ("arn:aws:s3:::photos/a.png", "is an ARN"),
        ("gs://photos/a.png", "write https://storage.googleapis.com/photos/a.png"),
        ("abfss://c@a.dfs.core.windows.net/a.png", "in Azure"),
        ("ftp://example.com/a.png", "must be an http"),
        ("file://server/a.png", "is not the address of a file on this machine"),
        ("~/cat.png", "what only a shell replaces"),
        ("$HOME/cat.png", "what only a shell replaces"),
        ("%USERPROFILE%\\cat.png", "what only a shell replaces"),
        ("", "is blank"),
        ("folder.d/" * 500, "has 4500 characters"),
        ("https://example.com/" + "x" * 4097, "has 4117 characters"),
    ],
)
def test_what_cannot_be_an_address_is_refused_with_what_to_write(given: str, reason: str) -> None:
    """Before anything is paid for; no query is shown."""
    with pytest.raises(ValueError, match=reason) as caught:
        clean(given)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "what", "write"),
    [
        (
            "https://drive.google.com/file/d/1AbC/view?usp=sharing",
            "Google Drive",
            "https://drive.google.com/uc?export=download&id=1AbC",
        ),
        ("https://drive.google.com/open?id=1AbC", "Google Drive", "id=1AbC"),
        ("https://drive.google.com/drive/folders/1AbC", "Google Drive", "share one picture"),
        ("https://photos.app.goo.gl/abc", "Google Photos", "download it"),
        ("https://photos.google.com/share/abc", "Google Photos", "download it"),
        ("https://www.google.com/imgres?imgurl=x", "Google's search", "open the picture"),
        ("https://www.dropbox.com/s/abc/cat.png?dl=0", "Dropbox", "raw=1"),
        ("https://www.dropbox.com/scl/fo/abc/h?rlkey=x&raw=1", "Dropbox", "share the picture"),
        ("https://onedrive.live.com/embed?resid=1", "OneDrive", "Download"),
        ("https://app.box.com/s/abc", "Box", "download it"),
        ("https://mega.nz/file/abc#key", "MEGA", "download it"),
        ("https://we.tl/t-abc", "WeTransfer", "download it"),
        ("https://t.me/channel/17", "Telegram", "download it"),
        ("https://ibb.co/abc", "ImgBB", "i.ibb.co"),
        ("https://postimg.cc/abc", "Postimages", "i.postimg.cc"),
        ("https://gyazo.com/0123456789abcdef", "Gyazo", "i.gyazo.com"),
        ("https://prnt.sc/abc", "Lightshot", "download it"),
        ("https://pixabay.com/photos/cat-17/", "Pixabay", "download it"),
        ("https://huggingface.co/spaces/a/b", "Hugging Face", "open the picture"),
        ("https://huggingface.co/datasets/a/b/viewer/default", "Hugging Face", "open the picture"),
        ("https://s3.console.aws.amazon.com/s3/buckets/photos?prefix=a/", "S3 console", "s3://photos/a/KEY"),
        ("https://www.dropbox.com/scl/fi/abc/cat.png?rlkey=x", "Dropbox", "raw=1"),
        ("https://1drv.ms/i/s!abc", "OneDrive", "Download"),
        ("https://contoso.sharepoint.com/:i:/g/abc", "SharePoint", "download=1"),
        ("https://www.icloud.com/photos/#abc", "iCloud", "download it"),
        ("https://share.icloud.com/photos/abc", "iCloud", "download it"),
        ("https://imgur.com/aBc", "Imgur", "write https://i.imgur.com/aBc.jpg"),
        ("https://imgur.com/gallery/aBc", "Imgur", "open the picture"),
        ("https://www.flickr.com/photos/u/1/", "Flickr", "live.staticflickr.com"),
        ("https://www.pinterest.de/pin/1/", "Pinterest", "i.pinimg.com"),
        ("https://www.instagram.com/p/abc/", "Instagram", "download it"),
        (
            "https://github.com/u/r/blob/main/a/cat.png",
            "GitHub",
            "https://raw.githubusercontent.com/u/r/main/a/cat.png",
        ),
        ("https://gitlab.com/u/r/-/blob/main/cat.png", "GitLab", "https://gitlab.com/u/r/-/raw/main/cat.png"),
        (
            "https://huggingface.co/datasets/u/r/blob/main/a.png",
            "Hugging Face",
            "https://huggingface.co/datasets/u/r/resolve/main/a.png",
        ),
        (
            "https://s3.console.aws.amazon.com/s3/object/photos?prefix=a/my+cat.png",
            "S3 console",
            "s3://photos/a/my cat.png",
        ),
        (
            "https://eu-west-1.console.aws.amazon.com/s3/object/photos?region=eu-west-1&prefix=a%2Fcat.png",
            "S3 console",
            "s3://photos/a/cat.png",
        ),
        ("https://s3.console.aws.amazon.com/s3/buckets/photos", "S3 console", "s3://BUCKET/KEY"),
        (
            "https://console.cloud.google.com/storage/browser/_details/photos/a/cat.png;tab=live_object",
            "Google Cloud's console",
            "https://storage.googleapis.com/photos/a/cat.png",
        ),
        (
            "https://storage.cloud.google.com/photos/cat.png",
            "needs a login",
            "https://storage.googleapis.com/photos/cat.png",
        ),
        ("HTTPS://DRIVE.GOOGLE.COM/file/d/1AbC/view", "Google Drive", "id=1AbC"),
        ("https://en.wikipedia.org/wiki/File:Cat.jpg", "Wikipedia", "upload.wikimedia.org"),
    ],
)
def test_a_page_is_no_picture(given: str, what: str, write: str) -> None:
    """The API would get HTML: it is told what the address is, and what to write instead."""
    with pytest.raises(ValueError, match=r"is a page|needs a login") as caught:
        clean(given)
    assert what in str(caught.value)
    assert write in str(caught.value)


@pytest.mark.parametrize(
    "text", [f"data:image/png;base64,{PNG}", f"DATA:;base64,{PNG}", PNG, f" {PNG}\n", "A" * 40_000_000]
)
def test_a_picture_in_the_text_is_known(text: str) -> None:
    """By how a picture begins in base64, or because no path is that long."""
    assert kind_of(clean(text)) is ImageKind.EMBEDDED


@pytest.mark.parametrize("text", ["data/a,b.png", "/9j/a.png", "iVBORw0KGgo.png", "a" * 250, "folder/" * 100 + "a.png"])
def test_a_path_is_no_picture_in_the_text(text: str) -> None:
    """However odd its name."""
    assert not is_embedded(text)


def test_a_picture_is_never_shown_whole() -> None:
    """An error names the kind of thing, not a megabyte of it."""
    assert shown(f"data:image/png;base64,{PNG}") == "data:image/png;base64,…"
    with pytest.raises(ValidationError) as caught:
        Edit(custom_id="a", prompt="x", init_image="https://drive.google.com/file/d/1?sig=secret")
    (sentence,) = explain(caught.value)
    assert "secret" not in sentence


def test_a_path_that_may_mean_something_else_gets_a_hint() -> None:
    """Where no file is found."""
    assert hint("example.com/cat.png") == " (if it is a URL, write https://example.com/cat.png)"
    assert "Windows" in hint(r"C:\cats\a.png")
    assert hint("cats/a.png") == ""
