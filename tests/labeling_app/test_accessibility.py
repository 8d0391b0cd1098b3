"""The rate page by keyboard alone and for screen readers, in a real Chromium."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Locator, expect
from rater_tab import Tab

from benchmarks.browser import CHROMIUM, chromium, free_port, running
from data.records import Choice
from data.workspace import Workspace
from labeling_app.actions import ACTIONS, TOOLS
from labeling_app.launch import command

NUM_PAIRS = 3
PHONE = {"width": 390, "height": 844}
SIGNS = {
    "arrowleft": "←",
    "arrowright": "→",
    "arrowup": "↑",
    "arrowdown": "↓",
    "backspace": "Backspace",
}
PARTS = """
- progressbar "Pairs answered"
- button "Progress"
- button "Gallery"
- button "Flip"
- button /Pixels/
- button "Keys"
- button /change/
- region "Pair":
  - paragraph: Which image is better for
  - heading [level=1]
  - button "The left image is better":
    - img "The left image"
  - button "The right image is better":
    - img "The right image"
  - button "Undo"
  - button "Left"
  - button "Tie"
  - button "Both bad"
  - button "Right"
  - button "Skip"
- status
- status
"""
FOCUSED = """() => {
    let focused = document.activeElement;
    while (focused?.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
    return focused;
}"""
# Paints an element's text over the backgrounds that are behind it and reads the colours back.
COLOURS = """(element) => {
    const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const behind = [];
    for (let at = element; at; at = at.parentNode ?? at.host)
        if (at instanceof Element) behind.unshift(getComputedStyle(at).backgroundColor);
    const paint = (colours) => {
        for (const colour of colours) [pen.fillStyle] = [colour], pen.fillRect(0, 0, 1, 1);
        return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const { color, outlineColor } = getComputedStyle(element);
    const ground = paint(["white", ...behind]);
    const around = paint(["white", ...behind.slice(0, -1)]);
    return {
        text: [paint([color]), ground],
        ring: [paint(["white", ...behind.slice(0, -1), outlineColor]), around],
    };
}"""
TEXTS = (
    ".bar .name",
    ".figures span",
    ".tools button",
    ".tools kbd",
    ".asked p",
    ".asked h1",
    ".action",
    ".action kbd",
    ".notice",
)
HELP_TEXTS = ("dialog h2", "dialog dd", "dialog kbd", "dialog p", "dialog label", "dialog button")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, and none is on the PATH"),
]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, add_round: Callable) -> Workspace:
    workspace = Workspace.create(tmp_path_factory.mktemp("accessibility") / "workspace")
    add_round(workspace, NUM_PAIRS, num_raters=100)
    return workspace


@pytest.fixture(scope="module")
def address(workspace: Workspace) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running(command(workspace.root, port=port), f"{url}/_stcore/health"):
        yield url


@pytest.fixture
def browser() -> Iterator[BrowserContext]:
    with chromium() as context:
        yield context


@pytest.fixture
def sit_down(browser: BrowserContext, address: str, workspace: Workspace) -> Callable[[str], Tab]:
    return lambda name: Tab(browser, address, workspace, name)


def luminance(colour: list[int]) -> float:
    """WCAG's relative luminance."""
    linear = [
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
        for c in (part / 255 for part in colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(colours: list[list[int]]) -> float:
    dark, light = sorted(luminance(colour) for colour in colours)
    return (light + 0.05) / (dark + 0.05)


def walk(tab: Tab, inside: str) -> list[Locator]:
    """Press Tab through all of the page; return what of it had the focus inside an element."""
    names: list[str] = []
    for _ in range(30):
        tab.page.keyboard.press("Tab")
        focused = tab.page.evaluate_handle(FOCUSED)
        name = focused.evaluate(
            "(e, inside) => e.closest(inside) && (e.dataset.choice || e.className)", inside
        )
        if name and name in names:
            break
        if name:
            ring = focused.evaluate("(e) => getComputedStyle(e).outline")
            assert "solid" in ring, (name, ring)
            assert "2px" in ring, (name, ring)
            assert contrast(focused.evaluate(COLOURS)["ring"]) >= 3, name
            names.append(name)
    return names


def focus_on(tab: Tab, choice: Choice) -> Locator:
    button = tab.page.locator(f'.action[data-choice="{choice}"]')
    button.focus()
    return button


def test_everything_has_its_role_and_name_and_nothing_tells_the_policy(sit_down: Callable):
    tab = sit_down("Ada")
    stage = tab.page.locator(".stage")
    expect(stage).to_match_aria_snapshot(PARTS)
    assert "secret" not in stage.evaluate("(stage) => stage.outerHTML")
    assert tab.page.locator("main").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_tab_goes_through_all_buttons_in_order_with_a_ring_to_see(sit_down: Callable, scheme: str):
    tab = sit_down(f"Bea{scheme}")
    tab.page.emulate_media(color_scheme=scheme)
    assert walk(tab, ".stage") == [
        *("progress", "gallery", "flip", "pixels", "help", "leave"),
        *("frame left", "frame right"),
        *("undo", "left", "tie", "both_bad", "right", "skip"),
    ]


def test_tab_follows_what_is_seen_on_a_narrow_window(sit_down: Callable):
    tab = sit_down("Cleo")
    tab.page.set_viewport_size(PHONE)
    names = walk(tab, ".actions")
    places = {}
    for name in names:
        box = tab.page.locator(f'.action[data-choice="{name}"]').bounding_box()
        places[name] = (box["y"], box["x"])
    assert sorted(names, key=places.__getitem__) == names
    assert len(names) == len(ACTIONS)


def test_enter_answers_and_the_focus_stays_until_the_end(sit_down: Callable):
    tab = sit_down("Dora")
    focus_on(tab, Choice.RIGHT)
    for num in range(1, NUM_PAIRS + 1):
        before = tab.token
        tab.page.wait_for_timeout(500)
        tab.page.keyboard.press("Enter")
        tab.wait_for_next(before)
        assert [c.choice for c in tab.events()] == [Choice.RIGHT] * num
        focused = tab.page.evaluate_handle(FOCUSED)
        if num < NUM_PAIRS:
            assert focused.evaluate("(e) => e.dataset.choice") == "right"
    assert focused.evaluate("(e) => e.className") == "ending"
    expect(tab.page.locator(".spoken")).to_contain_text("Nothing is left for you just now")
    tab.page.keyboard.press("Tab")
    assert tab.page.evaluate_handle(FOCUSED).evaluate("(e) => e.className") == "again action"
    tab.page.keyboard.press("Tab")
    tab.then_next(lambda: tab.page.keyboard.press("Enter"))
    assert tab.page.evaluate_handle(FOCUSED).evaluate("(e) => e.className") == "pair"


def test_the_next_prompt_the_count_and_notices_are_spoken(sit_down: Callable):
    tab = sit_down("Eva")
    spoken, notice = tab.page.get_by_role("status").last, tab.page.get_by_role("status").first
    bar = tab.page.get_by_role("progressbar")
    assert spoken.inner_text().startswith(f"Which image is better for: {tab.prompt}.")
    of = bar.get_attribute("aria-valuetext") or ""
    assert of in spoken.inner_text()
    tab.press("ArrowLeft")
    assert spoken.inner_text().startswith(f"Which image is better for: {tab.prompt}.")
    assert bar.get_attribute("aria-valuetext") != of
    assert (bar.get_attribute("aria-valuetext") or "") in spoken.inner_text()
    assert 0 < int(bar.get_attribute("aria-valuenow") or 0) <= 100
    tab.press("z")
    assert "Taken back" in notice.inner_text()
    assert of in spoken.inner_text()
    tab.page.keyboard.press("f")
    assert spoken.inner_text().startswith("This is the left image.")


def test_a_missing_image_is_said(
    sit_down: Callable, browser: BrowserContext, address: str, workspace: Workspace
):
    path = workspace.image_path(sit_down("Fay").sha256("left"))
    away = path.rename(path.with_suffix(".away"))
    try:
        forgetful = browser.browser.new_context()  # the other one has the image in its cache
        tab = Tab(forgetful, address, workspace, "Fay")
        missing = tab.page.get_by_role("button", name="This image is missing or damaged.")
        assert missing.count() == 1
        assert tab.page.get_by_role("button", name="The right image is better").count() == 1
        assert "skip" in tab.page.locator(".spoken").inner_text()
    finally:
        away.rename(path)


def test_help_opens_and_closes_by_keyboard_and_gives_the_focus_back(sit_down: Callable):
    tab = sit_down("Gus")
    dialog = tab.page.get_by_role("dialog", name="Keys")
    button = focus_on(tab, Choice.TIE)
    for close in ("?", "Escape", "Enter"):
        tab.page.keyboard.press("?")
        expect(dialog).to_be_visible()
        expect(dialog.get_by_role("heading")).to_be_focused()
        tab.page.keyboard.press("Tab")
        expect(dialog.get_by_role("checkbox")).to_be_focused()
        tab.page.keyboard.press("Tab")
        expect(dialog.get_by_role("button", name="Close")).to_be_focused()
        tab.page.keyboard.press(close)
        expect(dialog).not_to_be_visible()
        expect(button).to_be_focused()
    assert tab.events() == []


def test_help_lists_every_key_of_every_action_and_tool(sit_down: Callable):
    tab = sit_down("Hal")
    tab.page.keyboard.press("?")
    listed = {
        tab.page.locator("dialog dd").nth(n).inner_text(): term.locator("kbd").all_inner_texts()
        for n, term in enumerate(tab.page.locator("dialog dt").all())
    }
    for each in (*ACTIONS, *TOOLS):
        (keys,) = [keys for meaning, keys in listed.items() if meaning.endswith(each.meaning)]
        assert keys == [SIGNS.get(key, key.upper()) for key in each.keys]


def test_letters_can_be_no_keys_and_stay_so(sit_down: Callable):
    tab = sit_down("Ida")
    tab.page.keyboard.press("?")
    tab.page.get_by_role("checkbox", name="Letters, digits and signs are keys").press("Space")
    tab.page.keyboard.press("Escape")
    for _ in range(2):
        for key in ("t", "1", "f", "?"):
            tab.page.keyboard.press(key)
        tab.settle()
        assert tab.events() == []
        assert tab.page.get_by_role("dialog").count() == 0
        assert tab.page.locator(".stage.flipping").count() == 0
        tab.page.reload()
        tab.page.locator(".stage[data-token]").wait_for()
    tab.press("ArrowLeft")
    assert [c.choice for c in tab.events()] == [Choice.LEFT]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_the_contrast_of_wcag_aa(sit_down: Callable, scheme: str):
    tab = sit_down(f"Joy{scheme}")
    tab.page.emulate_media(color_scheme=scheme)
    is_dark = luminance(tab.page.locator(".stage").evaluate(COLOURS)["text"][1]) < 0.2
    assert is_dark == (scheme == "dark")
    tab.page.keyboard.press("?")
    for selector in (*TEXTS, *HELP_TEXTS):
        found = tab.page.locator(f".stage {selector}").all()
        assert found, selector
        for element in found:
            assert contrast(element.evaluate(COLOURS)["text"]) >= 4.5, selector


def test_nothing_moves_for_who_wants_less_motion(sit_down: Callable):
    tab = sit_down("Kim")
    durations = "(all) => all.map((each) => getComputedStyle(each).transitionDuration)"
    moving = tab.page.locator(".track div, .frame")
    assert any(float(d.partition("s")[0]) > 0 for d in moving.evaluate_all(durations))
    tab.page.emulate_media(reduced_motion="reduce")
    assert set(moving.evaluate_all(durations)) == {"0s"}
