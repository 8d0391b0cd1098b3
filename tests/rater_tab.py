"""A tab of a real browser in which a rater is at work."""

import time
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, Request

from data.records import Comparison, Rater, RaterKind
from data.workspace import Workspace
from labeling_app.presses import MIN_GAP_S


class Tab:
    """A tab in which a rater of this name is at work."""

    def __init__(self, browser: BrowserContext, url: str, workspace: Workspace, name: str) -> None:
        self.store = workspace.store()
        self.rater = Rater.new(name, RaterKind.PERSON)
        self.store.add_rater(self.rater)
        self.page: Page = browser.new_page()
        self.page.set_viewport_size({"width": 1280, "height": 800})
        self.requested: list[str] = []
        self.page.on("request", self._note)
        self.page.goto(f"{url}/?rater={name}")
        self.page.locator(".stage[data-token]").wait_for()

    def _note(self, request: Request) -> None:
        self.requested.append(request.url)

    @property
    def token(self) -> str:
        return self.page.locator(".stage").get_attribute("data-token") or ""

    @property
    def prompt(self) -> str:
        return self.page.locator(".asked h1").inner_text()

    @property
    def notice(self) -> str:
        return self.page.locator(".notice").inner_text()

    def sha256(self, side: str) -> str:
        source = self.page.locator(f".frame.{side} img").get_attribute("src") or ""
        return source.removeprefix("img/").partition("?")[0]

    @property
    def shown(self) -> tuple[str, str, str]:
        return self.prompt, self.sha256("left"), self.sha256("right")

    def press(self, key: str) -> None:
        """Press a key as a person does, and wait for the next pair."""
        self.then_next(lambda: self.page.keyboard.press(key))

    def then_next(self, act: Callable[[], None]) -> None:
        before = self.token
        time.sleep(MIN_GAP_S)
        act()
        self.wait_for_next(before)

    def wait_for_next(self, before: str) -> None:
        self.page.locator(f'.stage:not([data-token="{before}"])').wait_for()

    def settle(self) -> None:
        """Wait until nothing more can be on its way."""
        time.sleep(1)

    def stored(self) -> list[Comparison]:
        mine = [c for c in self.store.comparisons() if c.rater_id == self.rater.rater_id]
        assert len({c.pair_id for c in mine}) == len(mine)
        return mine

    def events(self) -> list[Comparison]:
        everything = self.store.comparison_events()
        return [c for c in everything if c.rater_id == self.rater.rater_id]
