"""The gallery in a browser: pictures are found, compared, picked and rejected by keys alone, and done again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit
from zipfile import ZipFile

import fakeredis
import pytest
from playwright.sync_api import Locator, Page, Request, expect

from config.gateway import GatewaySettings
from retouch.access_keys import AccessKeys, Scope
from retouch.ledger import Ledger, Settlement
from retouch.queue import EditQueue
from retouch.states import EditState
from tests.browser.conftest import Look
from tests.browser.gallery_scene import Put, putting, write_pictures
from tests.browser.scene import write_batch
from tests.browser.test_batches import accessible
from tests.harness.waiting import until
from tests.unit.workers.gateway.conftest import serving
from workers.gateway.context import Gateway
from workers.stack.s3 import S3

SEEDS = range(1, 21)


@pytest.fixture(scope="module")
def served(s3: S3) -> Iterator[tuple[Gateway, str]]:
    """A gateway whose pictures are in a real S3."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3.environment.items():
            patch.setenv(name, value)
        ledger = Ledger(fakeredis.FakeRedis(decode_responses=True))
        gateway = Gateway(GatewaySettings(bucket=s3.bucket, prefix="edits/"), ledger)
        with serving(gateway) as url:
            yield gateway, url


@pytest.fixture
def stores(s3: S3) -> frozenset[str]:
    """Where the pictures themselves come from."""
    return frozenset([urlsplit(s3.url).netloc])


@pytest.fixture
def token(ledger: Ledger, request: pytest.FixtureRequest) -> str:
    """A key that may enqueue too, or what a test says."""
    scopes = getattr(request, "param", [Scope.READ, Scope.SUBMIT])
    return AccessKeys(ledger, "here").create("ada", scopes, rate="100000/m")


@pytest.fixture
def put(s3: S3) -> Put:
    """Puts objects into the bucket."""
    return putting(s3)


@pytest.fixture
def twenty(ledger: Ledger, put: Put) -> list[str]:
    """One picture with twenty seeds."""
    return write_pictures(ledger, put, "oil", seeds=SEEDS)


def cells(page: Page) -> Locator:
    """Those that are there."""
    return page.locator("picture-grid .cell")


def loaded(image: Locator) -> bool:
    """Whether a picture is really shown."""
    return bool(image.evaluate("image => image.complete && image.naturalWidth > 0"))


def test_the_best_of_twenty_seeds_is_found_by_keys(look: Look, ledger: Ledger, twenty: list[str]) -> None:
    """One is picked, the others are rejected, and these are done again with another seed each."""
    queue = EditQueue(ledger)
    ledger.worker.see_worker("w", {})
    queue.set_price("0.01 USD")
    page = look("#/batches/oil")
    page.get_by_role("link", name="Gallery").wait_for()
    page.keyboard.press("g")
    expect(cells(page)).to_have_count(20)
    until(lambda: loaded(cells(page).nth(7).locator("img")), "the small copies are there")
    cells(page).first.focus()
    for _ in range(7):
        page.keyboard.press("ArrowRight")
    expect(cells(page).nth(7)).to_be_focused()
    page.keyboard.press("p")
    expect(cells(page).nth(8)).to_be_focused()
    expect(cells(page).nth(7)).to_have_accessible_name("lighthouse.seed-8, seed 8, picked")
    page.keyboard.press("3")
    expect(cells(page)).to_have_count(19)
    page.keyboard.press("Home")
    page.keyboard.press("Shift+End")
    page.keyboard.press("x")
    expect(page.get_by_text("All are decided.", exact=True)).to_be_visible()
    until(lambda: len(queue.picks("oil", "rejected")) == 19, "they are kept")
    assert queue.picks("oil") == ["lighthouse.seed-8"]
    page.get_by_role("button", name="Again…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("19 edits, 19 images, about 0.19 USD")
    expect(dialog).to_contain_text("new seed each; no two edits have the same")
    dialog.get_by_label("How many new seeds each").fill("2")
    expect(dialog).to_contain_text("new seeds each")
    expect(dialog).to_contain_text("38 edits, 38 images, about 0.38 USD")
    dialog.get_by_role("button", name="Begin 38 edits").click()
    expect(dialog).to_contain_text("38 edits enqueued: oil-redo-1")
    child = queue.status("oil-redo-1")
    assert (child.total, child.redo_of) == (38, "oil")
    seeds = {made.parameters["seed"] for made in queue.made("oil-redo-1")}
    assert len(seeds) == 38  # all are different
    assert not seeds & set(SEEDS)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="oil-redo-1")).to_be_visible()


def test_a_picture_is_compared_with_what_it_was_made_of(look: Look, s3: S3, twenty: list[str]) -> None:
    """The slider is moved by keys; the picture itself comes from S3, and what it was made of from the gateway."""
    asked: list[str] = []
    page = look("#/batches/oil/gallery")
    page.on("request", lambda request: asked.append(request.url))
    cells(page).nth(2).click()
    viewer = page.get_by_role("dialog", name="lighthouse.seed-3")
    before, after = (viewer.get_by_role("img", name=name) for name in ("Before", "After"))
    until(lambda: loaded(before) and s3.url in str(after.get_attribute("src")) and loaded(after), "both are there")
    assert [url for url in asked if "_inputs" in url] == []
    slider = viewer.get_by_role("slider")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(slider).to_have_value("53")
    picture, thumb = (one.bounding_box() for one in (after, slider))
    assert picture
    assert thumb
    assert thumb["x"] + thumb["width"] / 2 == pytest.approx(picture["x"] + picture["width"] / 2, abs=1)
    assert (thumb["y"], thumb["height"]) == pytest.approx((picture["y"], picture["height"]), abs=1)
    page.mouse.click(picture["x"] + picture["width"] / 4, picture["y"] + 20)
    expect(slider).to_have_value("25")
    page.mouse.click(picture["x"] + picture["width"] / 2 + 1, picture["y"] + 20)
    expect(slider).to_have_value("50")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    clip = viewer.locator("figure").first.evaluate("one => getComputedStyle(one).clipPath")
    assert clip == "inset(0px 47% 0px 0px)"
    viewer.get_by_role("button", name="Hold to compare").click()
    expect(before).to_be_hidden()
    page.keyboard.down("b")
    expect(before).to_be_visible()
    page.keyboard.up("b")
    expect(before).to_be_hidden()
    page.keyboard.press("c")
    page.keyboard.press("c")
    expect(viewer.get_by_role("button", name="Side by side")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("x")
    expect(page.get_by_role("dialog", name="lighthouse.seed-4")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(
        page.get_by_role("dialog", name="lighthouse.seed-3").get_by_role("button", name="Reject x")
    ).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(page.get_by_role("dialog", name="lighthouse.seed-3")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(cells(page).nth(2)).to_be_focused()


def address(page: Page) -> str:
    """What the address says."""
    return str(page.evaluate("location.hash"))


def test_back_closes_a_picture_and_never_mixes_addresses(look: Look, ledger: Ledger, put: Put) -> None:
    """To the grid, then to the view before it; Forward opens it again. A view that is closed changes nothing."""
    write_pictures(ledger, put, "oil", seeds=(1, 2, 3))
    write_pictures(ledger, put, "long", seeds=(4, 5, 6))
    page = look("#/batches/oil/gallery")
    expect(cells(page)).to_have_count(3)
    page.evaluate("location.hash = '#/batches/long/gallery'")
    expect(cells(page).first).to_have_accessible_name(re.compile("seed-4,"))
    cells(page).first.click()
    page.keyboard.press("p")
    expect(page.get_by_role("dialog", name="lighthouse.seed-5")).to_be_visible()
    assert address(page) == "#/batches/long/gallery/lighthouse.seed-5"
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(cells(page).nth(1)).to_be_focused()
    assert address(page) == "#/batches/long/gallery"
    page.go_forward()
    expect(page.get_by_role("dialog", name="lighthouse.seed-5")).to_be_visible()
    page.evaluate("location.hash = '#/batches/oil/gallery'")  # as a link does, or a bookmark
    expect(cells(page).first).to_have_accessible_name(re.compile("seed-1,"))
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert address(page) == "#/batches/oil/gallery"
    cells(page).first.click()
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="lighthouse.seed-1")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    until(lambda: address(page) == "#/batches/oil/gallery", "closing leads back")
    page.go_back()
    expect(page.get_by_role("dialog", name="lighthouse.seed-5")).to_be_visible()


def test_what_was_said_is_taken_back(look: Look, ledger: Ledger, twenty: list[str]) -> None:
    """The last first, also of many at once; of one that has a mark, that mark; in the grid and of an open picture."""
    queue = EditQueue(ledger)
    page = look("#/batches/oil/gallery")
    expect(cells(page).first).to_have_accessible_name(re.compile("seed-1,"))
    cells(page).first.focus()
    page.keyboard.press("p")
    for _ in range(7):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("x")
    expect(page.get_by_role("button", name="rejected 8")).to_be_visible()
    expect(cells(page).nth(9)).to_be_focused()
    page.keyboard.press("u")
    expect(page.get_by_role("button", name="rejected 0")).to_be_visible()
    expect(cells(page).nth(8)).to_be_focused()
    page.keyboard.press("u")
    expect(cells(page).first).to_be_focused()
    until(lambda: not queue.picks("oil") and not queue.picks("oil", "rejected"), "nothing is left")
    page.keyboard.press("u")
    expect(page.get_by_text("Nothing was said here")).to_be_visible()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("x")
    page.keyboard.press("Home")
    page.keyboard.press("u")
    expect(cells(page).first).to_be_focused()
    expect(cells(page).first).to_have_attribute("data-pick", "undecided")
    expect(cells(page).nth(1)).to_have_attribute("data-pick", "rejected")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.press("p")  # of the last one: there is no next
    until(lambda: queue.picks("oil") == ["lighthouse.seed-20"], "it is kept")
    viewer = page.get_by_role("dialog")
    expect(viewer.get_by_role("button", name="Pick p")).to_have_attribute("aria-pressed", "true")
    viewer.get_by_role("button", name="Take back").click()
    expect(viewer.get_by_role("button", name="Pick p")).to_have_attribute("aria-pressed", "false")
    until(lambda: not queue.picks("oil"), "it is taken back")


def test_what_others_pick_is_seen_and_a_retry_clears_it(look: Look, ledger: Ledger, twenty: list[str]) -> None:
    """Live, by two people who look at the same batch."""
    page, other = look("#/batches/oil/gallery"), look("#/batches/oil/gallery")
    for one in (page, other):
        expect(one.locator(".live")).to_have_attribute("data-live", "on")
        expect(cells(one).first).to_have_accessible_name(re.compile("seed-1,"))
    cells(page).first.focus()
    page.keyboard.press("p")
    expect(cells(other).first).to_have_attribute("data-pick", "picked")
    expect(other.get_by_role("button", name="picked 1")).to_be_visible()
    EditQueue(ledger).retry("oil", [EditState.COMPLETED])
    expect(other.get_by_text("No pictures yet.")).to_be_visible()
    assert EditQueue(ledger).picks("oil") == []


def test_variations_stand_side_by_side(look: Look, ledger: Ledger, put: Put) -> None:
    """A row for each picture and strength, a column for each seed; what the filter leaves out of a row is faint."""
    names = write_pictures(ledger, put, "grid", sources=("house", "flower"), seeds=(1, 2, 3), strengths=(0.4, 0.8))
    EditQueue(ledger).choose("grid", pick=[names[4]])
    page = look("#/batches/grid/gallery")
    grid = page.get_by_role("grid", name="Pictures")
    expect(grid).to_have_attribute("aria-colcount", "3")
    expect(grid).to_have_attribute("aria-rowcount", "4")
    heads = page.locator(".row-head")
    expect(heads.nth(1)).to_contain_text("housestrength 0.8")
    expect(page.locator(".column-heads")).to_contain_text("seed 1seed 2seed 3")
    page.keyboard.press("1")
    expect(cells(page)).to_have_count(3)
    expect(page.locator(".cell.faint")).to_have_count(2)
    page.get_by_role("button", name="variations side by side").click()
    expect(cells(page)).to_have_count(1)
    page.keyboard.press("o")
    expect(page.get_by_role("button", name=f"of the picture of {names[4]}")).to_be_visible()
    page.keyboard.press("0")
    expect(cells(page)).to_have_count(6)
    page.keyboard.press("o")
    expect(cells(page)).to_have_count(12)


def test_what_picks_and_rejects_the_others_is_never_without_words(look: Look, twenty: list[str]) -> None:
    """Also while the others are not counted yet: it was an empty button."""
    page = look()
    page.route("**/alike", lambda _route: None)  # is not answered
    page.goto(f"{page.url.partition('#')[0]}#/batches/oil/gallery")
    best = page.locator(".gallery-keys button", has_text="Pick it, reject the others")
    expect(best).to_be_disabled()
    expect(cells(page).first).to_be_focused()
    assert all(page.locator("button:visible").all_inner_texts())
    page.unroute("**/alike")


def test_back_leads_to_the_picture_where_one_was(look: Look, twenty: list[str]) -> None:
    """From another view: it is in view, and the keys move it; what can be done to it is said."""
    page = look("#/batches/oil/gallery")
    expect(cells(page).first).to_be_focused()
    page.keyboard.press("End")
    page.wait_for_function("() => history.state?.place === 19")
    page.keyboard.press("g")
    page.locator("h1", has_text="oil").wait_for()
    page.locator("state-map").wait_for()
    page.go_back()
    expect(page.locator(".cell[data-index='19']")).to_be_focused()
    expect(page.locator(".gallery-keys")).to_contain_text("Pick seed 20, reject the 19 others")


def test_a_gallery_is_used_by_touch_alone(look: Look, twenty: list[str]) -> None:
    """No key is shown where there is no keyboard; each has a button."""
    page = look("#/batches/oil/gallery", width=390, touch=True)
    cells(page).first.wait_for()
    assert page.locator("kbd:visible").count() == 0
    expect(page.get_by_role("button", name="Keys of this page")).to_be_hidden()
    cells(page).nth(1).tap()
    viewer = page.get_by_role("dialog")
    assert viewer.locator("kbd:visible").count() == 0
    viewer.get_by_role("button", name="Reject", exact=True).tap()
    expect(viewer).to_contain_text("3 of 20")
    viewer.get_by_role("button", name="Close the picture").tap()
    expect(page.locator(".chip", has_text="rejected")).to_contain_text("1")
    page.get_by_role("button", name="Only of this picture").tap()
    expect(page.get_by_role("button", name=re.compile("^of the picture of "))).to_be_visible()


def test_one_picture_has_its_variations_side_by_side_too(look: Look, twenty: list[str]) -> None:
    """In one row, which is longer than the screen: that is seen, and the keys lead along it."""
    page = look("#/batches/oil/gallery")
    expect(cells(page).first).to_be_focused()  # from the first moment on
    beside = page.get_by_role("button", name="variations side by side")
    expect(beside).to_have_attribute("aria-pressed", "false")
    expect(cells(page).nth(7).locator(".name")).to_have_text("seed 8")  # all have the same picture
    beside.click()
    grid = page.get_by_role("grid", name="Pictures")
    expect(grid).to_have_attribute("aria-colcount", "20")
    card = page.get_by_role("region", name="Pictures")
    expect(card).to_have_attribute("data-more", "")
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    until(lambda: cells(page).count() < 20, "only those that are seen are there")
    cells(page).first.focus()
    page.keyboard.press("End")
    last = page.get_by_role("gridcell", name="lighthouse.seed-20")
    expect(last).to_be_focused()
    expect(last).to_be_in_viewport()
    expect(card).not_to_have_attribute("data-more", "")
    expect(page.get_by_role("row").first.get_by_role("gridcell").last).to_have_attribute("aria-colindex", "20")
    page.evaluate("document.activeElement.blur()")  # as the browser does when what has the focus goes
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("gridcell", name="lighthouse.seed-19")).to_be_focused()


def test_many_columns_are_side_by_side(look: Look, ledger: Ledger) -> None:
    """Eight pictures with forty seeds each; only the columns that are seen are there."""
    names = [f"p{one}.seed-{seed}" for one in range(8) for seed in range(1, 41)]
    made = [{"custom_id": name, "prompt": "a", "init_image": "https://example.com/a.png"} for name in names]
    EditQueue(ledger).enqueue(made, batch="wide")
    claims = ledger.worker.claim("w", lease_ms=60_000, places=1000, submits=1000).claims
    for claim in claims:
        ledger.worker.settle([Settlement(claim, (EditState.SUBMITTING,), EditState.COMPLETED, outputs="[]")])
    page = look("#/batches/wide/gallery")
    expect(page.get_by_role("grid", name="Pictures")).to_have_attribute("aria-colcount", "40")
    expect(cells(page).first).to_be_focused()
    assert cells(page).count() < 160
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    for _ in range(15):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_role("gridcell", name="p0.seed-16")).to_be_focused()


def test_the_others_of_a_picture_are_rejected_at_once(look: Look, ledger: Ledger, put: Put) -> None:
    """Its number is said first; nothing is said of other pictures; and when nothing is left, that is said."""
    queue = EditQueue(ledger)
    names = write_pictures(ledger, put, "two", sources=("house", "flower"), seeds=(1, 2, 3, 4))
    page = look("#/batches/two/gallery")
    expect(cells(page).first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name="Pick seed 2, reject the 3 others")).to_be_enabled()
    page.keyboard.press("r")
    expect(cells(page).nth(4)).to_be_focused()  # the next that is undecided
    until(lambda: queue.picks("two", "rejected") == [names[0], *names[2:4]], "they are rejected")
    assert queue.picks("two") == [names[1]]
    page.keyboard.press("u")
    expect(cells(page).nth(1)).to_be_focused()
    until(lambda: not queue.picks("two") and not queue.picks("two", "rejected"), "all of it is taken back")
    page.keyboard.press("r")
    page.keyboard.press("Enter")
    viewer = page.get_by_role("dialog", name=names[4])
    viewer.get_by_role("button", name="Pick seed 1, reject the 3 others").click()
    expect(viewer.get_by_text("all are decided")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("8 of 8 pictures shown. All are decided.")).to_be_visible()
    page.keyboard.press("o")
    expect(page.get_by_role("button", name="rejected 3")).to_be_visible()
    expect(page.get_by_text("4 of 4 pictures shown")).to_be_visible()


def test_the_best_is_called_by_all_that_varies(look: Look, ledger: Ledger, put: Put) -> None:
    """By its strength alone it could be any of those that have the same, as all have that were done again with one."""
    write_pictures(ledger, put, "again", seeds=(1, 2, 3), strengths=(0.4,))
    page = look("#/batches/again/gallery")
    expect(cells(page).first).to_be_focused()
    page.keyboard.press("ArrowRight")
    best = page.get_by_role("button", name="Pick strength 0.4, seed 2, reject the 2 others")
    expect(best).to_be_enabled()
    page.set_viewport_size({"width": 320, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_has_no_picture_leads_to_its_edit(look: Look, ledger: Ledger, put: Put) -> None:
    """And is counted where it is shown."""
    names = write_pictures(ledger, put, "part", sources=["house"], seeds=(1, 2, 3), left=1)
    page = look("#/batches/part/gallery")
    expect(page.get_by_text("2 of 2 pictures shown")).to_be_visible()
    page.get_by_role("button", name="without a picture too").click()
    expect(page.get_by_role("button", name="all 3")).to_be_visible()
    expect(page.get_by_text("3 of 3 edits shown")).to_be_visible()
    page.get_by_role("gridcell", name=names[2]).click()
    until(lambda: address(page) == f"#/batches/part/edits/{names[2]}", "it leads there")
    expect(page.get_by_role("heading", name=names[2])).to_be_visible()


def test_ids_are_copied_and_downloaded(look: Look, ledger: Ledger, twenty: list[str]) -> None:
    """With the command that downloads the pictures."""
    EditQueue(ledger).choose("oil", pick=twenty[3:5])
    page = look("#/batches/oil/gallery")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    expect(page.get_by_role("button", name="picked 2")).to_be_visible()
    page.get_by_role("button", name="Export…").click()
    dialog = page.get_by_role("dialog", name="Export")
    expect(dialog.get_by_text("retouch download oil --picked")).to_be_visible()
    dialog.get_by_role("button", name="Copy the ids").first.click()
    expect(page.get_by_text("2 ids copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "lighthouse.seed-4\nlighthouse.seed-5\n"
    with page.expect_download() as downloaded:
        dialog.get_by_role("link", name="Download the ids").click()
    assert downloaded.value.suggested_filename == "oil-picked.txt"
    assert downloaded.value.path().read_text() == "lighthouse.seed-4\nlighthouse.seed-5\n"


def test_pictures_are_saved_by_the_browser(look: Look, ledger: Ledger, s3: S3, twenty: list[str]) -> None:
    """What is picked as one file; one alone as it is, or the one that is open. What is gone leads nowhere."""
    EditQueue(ledger).choose("oil", pick=twenty[3:5])
    objects = {name: s3.client().get_object(Bucket=s3.bucket, Key=f"edits/oil/{name}/0.png") for name in twenty[3:5]}
    pictures = {f"{name}.png": found["Body"].read() for name, found in objects.items()}
    page = look("#/batches/oil/gallery")
    expect(page.get_by_role("button", name="picked 2")).to_be_visible()
    page.get_by_role("button", name="Export…").click()
    with page.expect_download() as downloaded:
        page.get_by_role("link", name="Save 2 picked pictures").click()
    assert downloaded.value.suggested_filename == "oil-picked.zip"
    with ZipFile(downloaded.value.path()) as found:
        assert {name: found.read(name) for name in found.namelist()} == pictures
    page.keyboard.press("Escape")
    EditQueue(ledger).choose("oil", clear=twenty[3:4])
    expect(page.get_by_role("button", name="picked 1")).to_be_visible()
    page.get_by_role("button", name="Export…").click()
    with page.expect_download() as downloaded:
        page.get_by_role("button", name="Save the picked picture").click()
    assert downloaded.value.suggested_filename == f"{twenty[4]}.png"
    page.keyboard.press("Escape")
    cells(page).nth(3).click()
    until(lambda: s3.url in str(page.get_by_role("img", name="After").get_attribute("src")), "the picture is there")
    with page.expect_download() as downloaded:
        page.keyboard.press("s")
    assert downloaded.value.suggested_filename == f"{twenty[3]}.png"
    assert downloaded.value.path().read_bytes() == pictures[f"{twenty[3]}.png"]
    expect(page.get_by_role("dialog", name=twenty[3])).to_be_visible()
    s3.client().delete_object(Bucket=s3.bucket, Key=f"edits/oil/{twenty[2]}/0.png")
    page.keyboard.press("ArrowLeft")
    page.get_by_role("dialog", name=twenty[2]).get_by_role("button", name="Save").click()
    above = page.locator("#notices:popover-open")  # the open picture
    expect(above.get_by_text("The picture cannot be saved")).to_be_visible()
    expect(page.get_by_role("dialog", name=twenty[2])).to_be_visible()


def test_a_hundred_thousand_pictures_are_looked_through(look: Look, ledger: Ledger) -> None:
    """Of them only what is seen is there, and asked for."""
    write_batch(ledger, "night", 100_000)
    asked: list[Request] = []
    page = look("#/batches/night/gallery")
    page.on("request", lambda request: asked.append(request))
    expect(page.get_by_role("button", name="all 68,000")).to_be_visible()
    cells(page).first.focus()
    page.keyboard.press("End")
    expect(cells(page).last).to_have_accessible_name(re.compile("lighthouse-0699"))
    assert cells(page).count() < 150
    own = [one for one in asked if one.resource_type not in ("image", "script") and "installation" not in one.url]
    assert len(own) < 20


@pytest.mark.parametrize("token", [[Scope.READ]], indirect=True)
def test_who_may_only_look_is_told_so(look: Look, ledger: Ledger, twenty: list[str]) -> None:
    """Of what it may not do no command is offered."""
    EditQueue(ledger).choose("oil", reject=twenty[:2])
    page = look("#/batches/oil/gallery")
    expect(page.get_by_role("button", name="rejected 2")).to_be_visible()
    cells(page).nth(4).focus()
    page.keyboard.press("p")
    expect(page.get_by_text("This key may look, and not pick")).to_be_visible()
    assert EditQueue(ledger).picks("oil") == []
    page.get_by_role("button", name="Again…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("status")).to_have_text(
        "This key may look, and not enqueue: that needs the scope submit."
    )
    assert "retouch" not in dialog.inner_text()


@pytest.mark.parametrize("token", [[Scope.READ, Scope.OPERATE]], indirect=True)
def test_who_may_not_enqueue_is_shown_what_a_terminal_does(look: Look, ledger: Ledger, twenty: list[str]) -> None:
    """With a key that may operate, as the page of this machine alone has one."""
    EditQueue(ledger).choose("oil", reject=twenty[:2])
    page = look("#/batches/oil/gallery")
    page.get_by_role("button", name="Again…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("retouch picks oil --rejected > ids.txt")).to_be_visible()
    dialog.get_by_label("other strengths").check()
    expect(dialog.get_by_text("they had 0.6")).to_be_visible()  # else one would send the same again
    expect(dialog.get_by_text("retouch redo oil --only ids.txt --vary strength=0.5,0.7")).to_be_visible()
    dialog.get_by_label("Strengths, from 0 to 1").fill("0.5, 7")
    expect(dialog.get_by_text("Write numbers from 0 to 1")).to_be_visible()


def test_a_picture_that_is_gone_is_said_in_words(look: Look, ledger: Ledger, s3: S3, put: Put) -> None:
    """Of both: after, in S3, and before."""
    write_pictures(ledger, put, "gone", sources=["fruit-bowl"], seeds=(1, 2))
    page = look("#/batches/gone/gallery")
    until(lambda: loaded(cells(page).nth(1).locator("img")), "the small copies are there")
    client = s3.client()
    client.delete_object(Bucket=s3.bucket, Key="edits/gone/fruit-bowl.seed-2/0.png")
    client.delete_object(Bucket=s3.bucket, Key="edits/_inputs/fruit-bowl.jpg")
    cells(page).nth(1).click()
    told = page.locator("picture-compare").get_by_role("status")
    expect(told).to_contain_text("This is a small copy. The picture itself cannot be shown")
    expect(told).to_contain_text("there is no object s3://")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_the_gallery(look: Look, ledger: Ledger, put: Put, scheme: str) -> None:
    """Its grid, an open picture, and both dialogs; also on a narrow screen."""
    names = write_pictures(ledger, put, "grid", sources=("house", "flower"), seeds=(1, 2, 3), left=1)
    EditQueue(ledger).choose("grid", pick=names[:1], reject=names[1:2])
    page = look("#/batches/grid/gallery", scheme=scheme, width=1280 if scheme == "dark" else 390)
    until(lambda: loaded(cells(page).first.locator("img")), "the small copies are there")
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    cells(page).first.click()
    until(lambda: loaded(page.get_by_role("img", name="Before")), "it is compared")
    accessible(page)
    page.keyboard.press("Escape")
    for name in ("Again…", "Export…"):
        page.get_by_role("button", name=name).click()
        page.get_by_role("dialog").wait_for()
        accessible(page)
        page.keyboard.press("Escape")


def test_a_batch_without_pictures_says_when_there_are_some(look: Look, ledger: Ledger) -> None:
    """And one that is not there is said in words."""
    EditQueue(ledger).enqueue(
        [{"custom_id": "a", "prompt": "a cat", "init_image": "https://example.com/a.png"}], batch="b"
    )
    expect(look("#/batches/b/gallery").get_by_text("No pictures yet.")).to_be_visible()
    page = look("#/batches/none/gallery")
    expect(page.get_by_role("alert")).to_contain_text("there is no batch 'none'")
    expect(page.get_by_role("button", name="Again…")).to_be_hidden()


def test_hints_of_keys_are_where_they_do_something(look: Look, ledger: Ledger, put: Put) -> None:
    """How pictures are compared is of an open one; a phone has no keys."""
    write_pictures(ledger, put, "grid", sources=("house",), seeds=(1, 2))
    page = look("#/batches/grid/gallery")
    expect(cells(page).first).to_be_focused()
    keys = page.get_by_text("p pick", exact=True)
    expect(keys).to_be_visible()
    expect(page.get_by_text("the next way")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.get_by_text("c the next way")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 800})
    expect(page.get_by_text("c the next way")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()


def test_all_dialogs_have_one_order_of_buttons(look: Look, ledger: Ledger, put: Put) -> None:
    """At the right, what leaves it first and what it is about last."""
    write_pictures(ledger, put, "grid", sources=("house",), seeds=(1, 2))
    page = look("#/batches/grid/gallery")
    for name, buttons in (("Again…", ["Close", "Begin"]), ("Export…", ["Close"])):
        page.get_by_role("button", name=name).click()
        last = page.get_by_role("dialog").locator(".bar.end")
        expect(last.get_by_role("button")).to_have_text(buttons)
        expect(last).to_have_css("justify-content", "flex-end")
        page.keyboard.press("Escape")
