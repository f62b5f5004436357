"""Addresses of pages that show a picture, or that only their owner can open, and what to write instead.

The API fetches ``init_image`` without a browser and without a login: from such an address it gets HTML, and the edit
fails after it was paid for. Rules that are not here cost a failed edit, so they grow with what people paste.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qs

_OPEN_IT = "open the picture by itself and write its own address"
_DOWNLOAD = "download it, and write its path"


class _Rule(NamedTuple):
    path: str  # a pattern for the beginning of path and query
    name: str
    write: str  # what to write instead; ``\1`` and so on are groups of ``path``


def _rules(*rules: tuple[str, str, str]) -> tuple[_Rule, ...]:
    return tuple(_Rule(*rule) for rule in rules)


_DRIVE = "https://drive.google.com/uc?export=download&id="
_S3_CONSOLE = r"/s3/(?:object|buckets)/([A-Za-z0-9._-]+)\?(?:.*&)?prefix=([^&]+)"

_PAGES = {
    "drive.google.com": _rules(
        (r"/file/d/([\w-]+)", "a page of Google Drive", _DRIVE + r"\1"),
        (r"/(?:open|file)\?(?:.*&)?id=([\w-]+)", "a page of Google Drive", _DRIVE + r"\1"),
        (r"/(?!uc\?|thumbnail\?|u/\d+/uc\?)", "a page of Google Drive", f"share one picture, and write {_DRIVE}ID"),
    ),
    "docs.google.com": _rules((r"/(?!uc\?)", "a page of Google Docs", _DOWNLOAD)),
    "photos.google.com": _rules((r"/", "a page of Google Photos", _DOWNLOAD)),
    "photos.app.goo.gl": _rules((r"/", "a page of Google Photos", _DOWNLOAD)),
    "google.com": _rules((r"/(?:imgres|search|url)\?", "a page of Google's search", _OPEN_IT)),
    "bing.com": _rules((r"/images/", "a page of Bing's search", _OPEN_IT)),
    "dropbox.com": _rules(
        (r"/scl/fo/", "a page of a folder in Dropbox", "share the picture, and write its link with raw=1 in its query"),
        (r"/(?:s|scl)/(?!.*[?&](?:raw|dl)=1)", "a page of Dropbox", "raw=1 in the place of dl=0 in its query"),
        (r"/(?!s/|scl/)", "a page of Dropbox", "share the picture, and write its link with raw=1 in its query"),
    ),
    "1drv.ms": _rules((r"/", "a page of OneDrive", "the address that its button Download leads to")),
    "onedrive.live.com": _rules(
        (r"/(?!download)", "a page of OneDrive", "the address that its button Download leads to")
    ),
    "sharepoint.com": _rules(
        (r"/(?::\w:/|.*/Forms/)(?!.*[?&]download=1)", "a page of SharePoint", "the link with download=1 in its query")
    ),
    "box.com": _rules((r"/(?!shared/static/)", "a page of Box", _DOWNLOAD)),
    "mega.nz": _rules((r"/", "a page of MEGA", _DOWNLOAD)),
    "wetransfer.com": _rules((r"/", "a page of WeTransfer", _DOWNLOAD)),
    "we.tl": _rules((r"/", "a page of WeTransfer", _DOWNLOAD)),
    "t.me": _rules((r"/", "a page of Telegram", _DOWNLOAD)),
    "ibb.co": _rules((r"/", "a page of ImgBB", _OPEN_IT + " (https://i.ibb.co/…)")),
    "postimg.cc": _rules((r"/", "a page of Postimages", _OPEN_IT + " (https://i.postimg.cc/…)")),
    "gyazo.com": _rules((r"/\w+(?:$|[?#])", "a page of Gyazo", _OPEN_IT + " (https://i.gyazo.com/…)")),
    "prnt.sc": _rules((r"/", "a page of Lightshot", _DOWNLOAD)),
    "pixabay.com": _rules((r"/(?:\w+/)?(?:photos|illustrations|vectors)/", "a page of Pixabay", _DOWNLOAD)),
    "icloud.com": _rules((r"/", "a page of iCloud", _DOWNLOAD)),
    "imgur.com": _rules(
        (r"/(?:a|gallery|t)/", "a page of Imgur", _OPEN_IT + " (https://i.imgur.com/…)"),
        (r"/(\w+)(?:\.\w+)?$", "a page of Imgur", r"https://i.imgur.com/\1.jpg"),
    ),
    "flickr.com": _rules((r"/", "a page of Flickr", _OPEN_IT + " (https://live.staticflickr.com/…)")),
    "flic.kr": _rules((r"/", "a page of Flickr", _OPEN_IT + " (https://live.staticflickr.com/…)")),
    "pin.it": _rules((r"/", "a page of Pinterest", _OPEN_IT + " (https://i.pinimg.com/…)")),
    "pinterest.com": _rules((r"/", "a page of Pinterest", _OPEN_IT + " (https://i.pinimg.com/…)")),
    "instagram.com": _rules((r"/", "a page of Instagram", _DOWNLOAD)),
    "facebook.com": _rules((r"/", "a page of Facebook", _DOWNLOAD)),
    "x.com": _rules((r"/\w+/status/", "a page of X", _OPEN_IT + " (https://pbs.twimg.com/…)")),
    "twitter.com": _rules((r"/\w+/status/", "a page of X", _OPEN_IT + " (https://pbs.twimg.com/…)")),
    "reddit.com": _rules((r"/(?:r|user|gallery)/", "a page of Reddit", _OPEN_IT + " (https://i.redd.it/…)")),
    "deviantart.com": _rules((r"/.*art/", "a page of DeviantArt", _OPEN_IT)),
    "artstation.com": _rules((r"/artwork/", "a page of ArtStation", _OPEN_IT)),
    "unsplash.com": _rules(
        (r"/photos/(?!.*/download)", "a page of Unsplash", _OPEN_IT + " (https://images.unsplash.com/…)")
    ),
    "pexels.com": _rules((r"/(?:.*/)?photo/", "a page of Pexels", _OPEN_IT + " (https://images.pexels.com/…)")),
    "wikipedia.org": _rules(
        (r"/wiki/[^/]*:(?!FilePath)", "a page of Wikipedia", _OPEN_IT + " (https://upload.wikimedia.org/…)")
    ),
    "commons.wikimedia.org": _rules(
        (
            r"/wiki/(?!Special:(?:FilePath|Redirect))",
            "a page of Wikimedia",
            _OPEN_IT + " (https://upload.wikimedia.org/…)",
        )
    ),
    "figma.com": _rules((r"/(?:file|design|proto|board)/", "a page of Figma", _DOWNLOAD)),
    "canva.com": _rules((r"/design/", "a page of Canva", _DOWNLOAD)),
    "discord.com": _rules((r"/channels/", "a page of Discord", _OPEN_IT)),
    "slack.com": _rules((r"/files/", "a page of Slack, which needs a login", _DOWNLOAD)),
    "github.com": _rules(
        (
            r"/([\w.-]+/[\w.-]+)/blob/([^?#]+)(?!.*[?&]raw=(?:true|1))(?=$|[?#])",
            "a page of GitHub",
            r"https://raw.githubusercontent.com/\1/\2",
        )
    ),
    "gitlab.com": _rules((r"/(.+?)/-/blob/([^?#]+)", "a page of GitLab", r"https://gitlab.com/\1/-/raw/\2")),
    "bitbucket.org": _rules(
        (r"/([^/]+/[^/]+)/src/([^?#]+)", "a page of Bitbucket", r"https://bitbucket.org/\1/raw/\2")
    ),
    "huggingface.co": _rules(
        (r"/(.+?)/blob/([^?#]+)", "a page of Hugging Face", r"https://huggingface.co/\1/resolve/\2"),
        (r"/(?:spaces/|datasets/.*/viewer)(?!.*/resolve/)", "a page of Hugging Face", _OPEN_IT),
    ),
    "console.aws.amazon.com": _rules(
        (_S3_CONSOLE, "a page of the S3 console", r"s3://\1/\2"),
        (r"/s3", "a page of the S3 console", "s3://BUCKET/KEY"),
    ),
    "console.cloud.google.com": _rules(
        (
            r"/storage/browser/(?:_details/)?([^/;?]+)/([^;?]+)",
            "a page of Google Cloud's console",
            r"https://storage.googleapis.com/\1/\2 if it is public, or a signed URL",
        ),
        (r"/", "a page of Google Cloud's console", "https://storage.googleapis.com/BUCKET/KEY, or a signed URL"),
    ),
    "storage.cloud.google.com": _rules(
        (
            r"/([^?#]+)",
            "an address that needs a login to Google",
            r"https://storage.googleapis.com/\1 if it is public, or a signed URL",
        )
    ),
    "portal.azure.com": _rules((r"", "a page of Azure's portal", "a URL of the blob with a SAS token")),
}
_DIRECT = frozenset(
    (
        *("i.imgur.com", "dl.dropbox.com", "graph.facebook.com", "lookaside.facebook.com", "lookaside.instagram.com"),
        *("i.ibb.co", "i.postimg.cc", "i.gyazo.com"),
    )
)
_LOCAL_PINTEREST = re.compile(r"(?:.*\.)?pinterest\.[a-z.]{2,6}")


def advice(url: str) -> str | None:
    """What an http(s) URL is and what to write instead, as the end of a sentence; None if it may be a picture."""
    host, _, rest = url.partition("://")[2].partition("/")
    rules = _rules_of(host)
    return next(_said(rules, f"/{rest}"), None) if rules else None


def _said(rules: tuple[_Rule, ...], path: str) -> Iterator[str]:
    for rule in rules:
        if match := re.match(rule.path, path):
            yield f"is {rule.name}, not a picture; {_instead(rule.write, match)}"


def _instead(write: str, match: re.Match[str]) -> str:
    if write.startswith("s3://") and match.groups():  # the console writes a key as a query has it
        key = next(iter(parse_qs(f"k={match[2]}").get("k", [])), "")
        return f"write s3://{match[1]}/{key}" + ("KEY of one picture in it" if key.endswith("/") else "")
    text = match.expand(write)
    return f"write {text}" if not text.startswith(("open ", "share ", "download ")) else text


@lru_cache(maxsize=4096)  # the same few hosts serve a batch's pictures
def _rules_of(host: str) -> tuple[_Rule, ...]:
    name = host.rpartition("@")[2].partition(":")[0].lower().rstrip(".")
    if _LOCAL_PINTEREST.fullmatch(name) and not name.startswith("i."):
        return _PAGES["pinterest.com"]
    labels = name.split(".")
    found = next((known for n in range(len(labels)) if (known := ".".join(labels[n:])) in _PAGES), "")
    return () if name in _DIRECT else _PAGES.get(found, ())
