"""The app in a real Chromium, over a real DuckDB file, while other processes use the same store."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cuttable_proxy import cuttable
from playwright.sync_api import BrowserContext
from rater_tab import Tab

from benchmarks.browser import CHROMIUM, chromium, free_port, running
from data.records import Choice
from data.workspace import Workspace
from labeling_app.launch import command
from labeling_app.presses import MIN_GAP_S

NUM_PAIRS = 100
BESIDE = """
import sys, time
from pathlib import Path
from data.snapshot import take_snapshot
from data.workspace import Workspace
workspace = Workspace.open(Path(sys.argv[1]))
stop = Path(sys.argv[2])
num_looks = 0
while not stop.exists():
    if workspace.store().counts().total:
        take_snapshot(workspace)
    num_looks += 1
    time.sleep(0.2)
print(num_looks)
"""
# Presses every 30 ms for 2 s, and on until half a second after the next pair is there; counts how
# often a busy machine let more time pass between two than a burst may have.
BURST = """async ([before, gap_ms]) => {
    const host = [...document.querySelectorAll("*")].find(
        (e) => e.shadowRoot?.querySelector(".stage"));
    const stage = host.shadowRoot.querySelector(".stage");
    const start = performance.now();
    let [last, shown, stalls] = [start, Infinity, 0];
    while (performance.now() < Math.max(start + 2000, shown + 500)) {
        const event = new KeyboardEvent("keydown", { key: "ArrowLeft" });
        if (event.timeStamp - last >= gap_ms) stalls += 1;
        last = event.timeStamp;
        window.dispatchEvent(event);
        if (shown === Infinity && stage.dataset.token !== before) shown = performance.now();
        if (performance.now() > start + 30000) break;
        await new Promise((next) => setTimeout(next, 30));
    }
    return stalls;
}"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, and none is on the PATH"),
]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, add_round: Callable) -> Workspace:
    workspace = Workspace.create(tmp_path_factory.mktemp("browser") / "workspace")
    add_round(workspace, NUM_PAIRS, num_raters=100)
    return workspace


@pytest.fixture(scope="module")
def address(workspace: Workspace) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running(command(workspace.root, port=port), f"{url}/_stcore/health"):
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserContext]:
    with chromium() as context:
        yield context


@pytest.fixture(scope="module")
def onlooker(browser: BrowserContext, address: str, workspace: Workspace) -> Tab:
    """A tab for tests that leave it as they found it."""
    return Tab(browser, address, workspace, "Olga")


@pytest.fixture
def sit_down(browser: BrowserContext, address: str, workspace: Workspace) -> Iterator[Callable]:
    tabs: list[Tab] = []

    def sit(name: str) -> Tab:
        tabs.append(Tab(browser, address, workspace, name))
        return tabs[-1]

    yield sit
    for tab in tabs:
        tab.page.close()


def test_a_hundred_pairs_by_keyboard(sit_down, workspace: Workspace, address: str, tmp_path: Path):
    stop = tmp_path / "stop"
    beside = subprocess.Popen(
        [sys.executable, "-c", BESIDE, str(workspace.root), str(stop)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        tab = sit_down("Ada")
        keys = {
            "ArrowLeft": Choice.LEFT,
            "ArrowRight": Choice.RIGHT,
            "t": Choice.TIE,
            "ArrowDown": Choice.BOTH_BAD,
            "s": Choice.SKIP,
        }
        pressed: list[tuple[Choice, str]] = []
        prompts: set[str] = set()
        for i in range(NUM_PAIRS):
            key = list(keys)[i * 3 % len(keys)]
            prompts.add(tab.prompt)
            pressed.append((keys[key], tab.sha256("left")))
            tab.press(key)
            if i % 6 == 2:
                shown_next = tab.shown
                tab.press("z")
                assert tab.sha256("left") == pressed.pop()[1]
                pressed.append((Choice.LEFT, tab.sha256("left")))
                tab.press("1")
                assert tab.shown == shown_next
    finally:
        stop.touch()
        num_looks, said = beside.communicate(timeout=30)
    assert beside.returncode == 0, said
    assert int(num_looks) >= 10

    stored = tab.stored()
    sha256 = {image.image_id: image.sha256 for image in workspace.store().images()}
    assert [(c.choice, sha256[c.shown_left]) for c in stored] == pressed
    assert {c.choice for c in stored} == set(keys.values())
    assert all(MIN_GAP_S * 900 < c.milliseconds < 60_000 for c in stored)
    assert "<b>four</b> wolves & <script>alert(1)</script> 🐺" in prompts
    tab.page.get_by_role("heading", name="Nothing is left for you just now").wait_for()
    assert not tab.page.locator(".ending code").is_visible()
    foreign = [url for url in tab.requested if not url.startswith((address, "data:", "blob:"))]
    assert foreign == []


def test_a_held_key_gives_one(sit_down):
    tab = sit_down("Bob")
    before = tab.token
    end = time.monotonic() + 2
    while time.monotonic() < end:
        tab.page.keyboard.down("ArrowLeft")  # every one after the first is a repeat
        time.sleep(0.03)
    tab.page.keyboard.up("ArrowLeft")
    tab.wait_for_next(before)
    tab.settle()
    assert len(tab.events()) == 1


def test_a_burst_that_does_not_look_like_a_held_key_gives_one(sit_down):
    tab = sit_down("Burst")
    num_stalls = tab.page.evaluate(BURST, [tab.token, 1000 * MIN_GAP_S])
    tab.settle()
    assert 1 <= len(tab.events()) <= 1 + num_stalls
    assert "too quick" in tab.notice


def test_a_click_on_an_image_chooses_it_and_a_double_click_once(sit_down):
    tab = sit_down("Cleo")
    tab.then_next(lambda: tab.page.locator(".frame.right").dblclick())
    tab.settle()
    assert [c.choice for c in tab.events()] == [Choice.RIGHT]
    tab.then_next(lambda: tab.page.get_by_role("button", name="Both bad").click())
    assert [c.choice for c in tab.events()] == [Choice.RIGHT, Choice.BOTH_BAD]


def test_a_refresh_goes_on_at_the_same_pair(sit_down):
    tab = sit_down("Dora")
    tab.press("ArrowLeft")
    tab.press("ArrowRight")
    before = tab.shown
    tab.page.reload()
    tab.page.locator(".stage[data-token]").wait_for()
    assert tab.shown == before
    tab.press("t")
    assert [c.choice for c in tab.stored()] == [Choice.LEFT, Choice.RIGHT, Choice.TIE]


def test_undo_across_a_refresh_and_back(sit_down):
    tab = sit_down("Fay")
    shown = tab.shown
    tab.press("ArrowLeft")
    tab.page.reload()
    tab.page.locator(".stage[data-token]").wait_for()
    tab.press("z")
    assert tab.shown == shown
    tab.press("ArrowRight")
    tab.page.goto("about:blank")
    tab.page.go_back()
    tab.page.locator(".stage[data-token]").wait_for()
    tab.press("t")
    assert [c.choice for c in tab.stored()] == [Choice.RIGHT, Choice.TIE]


def test_two_tabs_of_one_rater_double_nothing(sit_down):
    first, second = sit_down("Gus"), sit_down("Gus")
    assert first.shown == second.shown
    first.press("ArrowLeft")
    before = second.token
    second.page.keyboard.press("ArrowRight")  # on a pair that is answered: it is over
    second.wait_for_next(before)
    assert second.shown == first.shown
    second.press("t")
    assert [c.choice for c in first.stored()] == [Choice.LEFT, Choice.TIE]
    assert len(first.events()) == 2


def test_a_connection_that_is_cut_loses_nothing(browser, address: str, workspace: Workspace):
    with cuttable(int(address.rpartition(":")[2])) as proxy:
        tab = Tab(browser, f"http://127.0.0.1:{proxy.port}", workspace, "Hal")
        tab.press("ArrowLeft")
        before = tab.token
        proxy.cut()
        for _ in range(10):  # a press may be lost with the connection: the pair stays, and is asked
            if tab.token == before:
                tab.page.keyboard.press("ArrowRight")
                tab.page.wait_for_timeout(3000)
        assert tab.token != before
        tab.press("t")
        assert [c.choice for c in tab.stored()] == [Choice.LEFT, Choice.RIGHT, Choice.TIE]
        assert len(tab.events()) == 3
        tab.page.close()


def test_an_image_that_a_cut_connection_kept_away_comes_later(
    browser, address: str, workspace: Workspace
):
    context = browser.browser.new_context()
    turned_away = []

    def refuse_at_first(route) -> None:
        if len(turned_away) < 6:
            turned_away.append(route.request.url)
            route.abort("connectionfailed")
        else:
            route.continue_()

    context.route("**/img/*", refuse_at_first)
    tab = Tab(context, address, workspace, "Ida")
    assert len(turned_away) == 6
    assert tab.page.locator(".frame img").count() == 2
    tab.press("ArrowLeft")
    assert [c.choice for c in tab.stored()] == [Choice.LEFT]
    context.close()


def test_the_bytes_on_the_page_are_the_bytes_in_the_store(onlooker: Tab, workspace: Workspace):
    for side in ("left", "right"):
        image = onlooker.page.locator(f".frame.{side} img")
        got = image.evaluate("""async (img) => {
            const response = await fetch(img.currentSrc, { cache: "force-cache" });
            return [...new Uint8Array(await response.arrayBuffer())];
        }""")
        assert bytes(got) == workspace.read_image(onlooker.sha256(side))
        assert image.evaluate("(img) => [img.naturalWidth, img.naturalHeight]") == [8, 8]
        width = image.evaluate("(img) => img.getBoundingClientRect().width")
        assert width >= 256
        assert width % 8 == 0
        assert image.evaluate("(img) => getComputedStyle(img).imageRendering") == "pixelated"
    onlooker.page.get_by_role("button", name="Pixels: sharp").click()
    image = onlooker.page.locator(".frame.left img")
    assert image.evaluate("(img) => getComputedStyle(img).imageRendering") == "auto"
    onlooker.page.get_by_role("button", name="Pixels: smooth").click()


def boxes(tab: Tab) -> list[dict[str, float] | None]:
    return [tab.page.locator(f".frame.{side} img").bounding_box() for side in ("left", "right")]


def test_both_images_are_zoomed_and_moved_as_one(onlooker: Tab):
    whole = boxes(onlooker)
    transforms = "(images) => new Set(images.map((i) => i.style.transform)).size"
    images = onlooker.page.locator(".frame img")
    onlooker.page.keyboard.press("+")
    left, right = boxes(onlooker)
    assert left["width"] == pytest.approx(1.5 * whole[0]["width"])
    assert right["width"] == pytest.approx(1.5 * whole[1]["width"])
    assert images.evaluate_all(transforms) == 1
    frame = onlooker.page.locator(".frame.left").bounding_box()
    corner = (frame["x"] + 20, frame["y"] + 20)
    onlooker.page.mouse.move(*corner)
    onlooker.page.mouse.wheel(0, -240)
    assert images.evaluate_all(transforms) == 1
    before = boxes(onlooker)
    onlooker.page.mouse.down()
    onlooker.page.mouse.move(corner[0] - 60, corner[1] - 30, steps=5)
    onlooker.page.mouse.up()
    for was, is_now in zip(before, boxes(onlooker), strict=True):
        assert is_now["x"] == pytest.approx(was["x"] - 60, abs=5)
        assert is_now["y"] == pytest.approx(was["y"] - 30, abs=5)
    onlooker.settle()
    assert onlooker.events() == []  # a drag is no click
    onlooker.page.keyboard.press("0")
    assert boxes(onlooker) == whole


def test_flipping_shows_one_image_in_the_place_of_the_other(onlooker: Tab):
    images = [onlooker.page.locator(f".frame.{side} img") for side in ("left", "right")]
    for side in (0, 1, 0):
        onlooker.page.keyboard.press("f")
        assert [image.is_visible() for image in images] == [side == 0, side == 1]
        said = onlooker.page.locator(".asked p").inner_text()
        assert said.startswith(f"This is the {('left', 'right')[side]} image.")
    left, right = boxes(onlooker)
    assert left == right
    onlooker.page.keyboard.press("Escape")
    assert all(image.is_visible() for image in images)
    assert onlooker.page.locator(".asked p").inner_text() == "Which image is better for"
    assert onlooker.events() == []


def test_everything_is_on_the_screen(onlooker: Tab):
    for size in ({"width": 1280, "height": 800}, {"width": 390, "height": 844}):
        onlooker.page.set_viewport_size(size)
        for choice in Choice:
            box = onlooker.page.locator(f'.action[data-choice="{choice}"]').bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= size["height"]
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= size["width"]
        main = onlooker.page.locator(".stMain")
        assert main.evaluate("(e) => e.scrollHeight <= e.clientHeight")
        assert main.evaluate("(e) => e.scrollWidth <= e.clientWidth")
    onlooker.page.set_viewport_size({"width": 1280, "height": 800})


def test_in_a_short_window_the_page_scrolls_and_images_stay_large_enough(onlooker: Tab):
    """A laptop at 200 % is as short as this, and a phone on its side."""
    onlooker.page.set_viewport_size({"width": 640, "height": 300})
    assert all(box["width"] >= 150 for box in boxes(onlooker))
    skip = onlooker.page.locator(f'.action[data-choice="{Choice.SKIP}"]')
    skip.scroll_into_view_if_needed()
    box = skip.bounding_box()
    assert box is not None
    assert 0 <= box["y"] <= 300 - box["height"]
    onlooker.page.set_viewport_size({"width": 1280, "height": 800})


def test_help_names_every_key_and_keeps_keys_to_itself(onlooker: Tab):
    onlooker.page.keyboard.press("?")
    help_text = onlooker.page.locator("dialog").inner_text()
    assert all(sign in help_text for sign in "←→↑↓SZ")
    onlooker.page.keyboard.press("ArrowLeft")
    onlooker.settle()
    assert onlooker.events() == []
    onlooker.page.keyboard.press("Escape")
    assert not onlooker.page.locator("dialog").is_visible()


@pytest.mark.parametrize(
    "path",
    [
        "img/..%2fpreferences.duckdb",
        "img/%2e%2e/preferences.duckdb",
        "img/../preferences.duckdb",
        "img/preferences.duckdb",
        "img/" + "0" * 64,
    ],
)
def test_nothing_but_images_is_served(path: str, address: str):
    try:
        with urllib.request.urlopen(f"{address}/{path}", timeout=10) as response:
            status, content = response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            status, content = error.code, error.read()
    # An address that is nobody's gets Streamlit's own page.
    assert status in (400, 404) or b"<title>Streamlit</title>" in content
    assert b"DUCK" not in content
