"""Logging in with a real OpenID Connect provider, in a real Chromium, over a real store."""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page
from streamlit.runtime.secrets import Secrets

from benchmarks.browser import CHROMIUM, chromium, free_port, running
from data.errors import ConfigError
from data.records import RaterKind
from data.workspace import Workspace
from labeling_app.access import account_of, may_see
from labeling_app.image_keys import is_key, make_key
from labeling_app.launch import SECRETS, command

PROVIDER = Path(__file__).with_name("oidc_provider.py")
DAY_S = 86_400
NAME = "a" * 64


def test_a_key_opens_one_image_for_a_day_or_two():
    key = make_key("secret", NAME, 10 * DAY_S + 5)
    assert make_key("secret", NAME, 11 * DAY_S - 5) == key
    assert is_key(key, "secret", NAME, 12 * DAY_S - 1)
    assert not is_key(key, "secret", NAME, 12 * DAY_S)
    assert not is_key(key, "another", NAME, 10 * DAY_S)
    assert not is_key(key, "secret", "b" * 64, 10 * DAY_S)
    assert not is_key(key.replace("1036800", "9036800"), "secret", NAME, 10 * DAY_S)


@pytest.mark.parametrize("key", ["", "-", "12", "12-", "x-y", "²-a", "-5-aa", "9" * 5000 + "-é"])
def test_what_is_no_key_opens_nothing(key: str):
    assert not is_key(key, "secret", NAME, 0)


def test_who_logs_in_is_known_by_a_verified_address_or_the_providers_number():
    claims = {"sub": "7", "name": "ada@example.org", "email": "ada@example.org"}
    for verified in (True, "true"):
        assert account_of(claims | {"email_verified": verified}) == "ada@example.org"
    for unproven in ({}, {"email_verified": False}, {"email_verified": "false"}):
        assert account_of(claims | unproven) == "7"
    assert account_of({"sub": "7", "email_verified": True}) == "7"


@pytest.mark.parametrize(
    ("secrets", "said"),
    [
        ('[tastemaker]\nraters = ["ada@example.org"', "expected TOML"),
        ('[auth]\nclient_id = "x"', "no cookie_secret"),
    ],
)
def test_accounts_that_are_set_up_wrongly_let_nobody_in(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, secrets: str, said: str
):
    path = workspace.root / SECRETS
    path.write_text(secrets)
    monkeypatch.setattr("labeling_app.access.st.secrets", Secrets())
    monkeypatch.setattr("labeling_app.access.st.get_option", lambda _: [str(path)])
    monkeypatch.setattr("streamlit.config.get_option", lambda _: [str(path)])
    with pytest.raises(ConfigError, match=said):
        may_see(NAME, "")
    path.unlink()


@pytest.fixture
def account(tmp_path: Path) -> Path:
    return tmp_path / "account.json"


@pytest.fixture
def address(workspace: Workspace, account: Path) -> Iterator[str]:
    provider, port = free_port(), free_port()
    url = f"http://localhost:{port}"
    (workspace.root / SECRETS).write_text(f"""
[auth]
redirect_uri = "{url}/oauth2callback"
cookie_secret = "{"0123456789abcdef" * 4}"
client_id = "tastemaker"
client_secret = "known to both"
server_metadata_url = "http://127.0.0.1:{provider}/.well-known/openid-configuration"

[tastemaker]
raters = ["ada@example.org", "@lab.example.org"]
admins = ["bob@lab.example.org"]
""")
    words = [sys.executable, str(PROVIDER), str(provider), str(account)]
    with (
        running(words, f"http://127.0.0.1:{provider}/keys"),
        running(command(workspace.root, port=port), f"{url}/_stcore/health"),
    ):
        yield url


@pytest.fixture
def browser() -> Iterator[BrowserContext]:
    with chromium() as context:
        yield context


@pytest.fixture
def enter(browser: BrowserContext, address: str, account: Path) -> Callable[..., Page]:
    """Log in with the given claims, in a browser that remembers nobody."""

    def log_in(**claims: object) -> Page:
        account.write_text(json.dumps({"sub": "1234"} | claims))
        browser.clear_cookies()
        page = browser.new_page()
        page.goto(f"{address}/?rater=Ada")
        page.get_by_role("button", name="Log in").click()
        return page

    return log_in


def fetch(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, and none is on the PATH")
@pytest.mark.usefixtures("ada")
def test_pairs_and_images_are_for_accounts_on_the_list(
    enter: Callable[..., Page], workspace: Workspace, address: str
):
    page = enter(email="ADA@example.org", email_verified=True)
    page.locator(".stage[data-token]").wait_for()
    assert "rater=" not in page.url.replace("?rater=Ada", "")
    source = page.locator(".frame.left img").get_attribute("src") or ""
    path, _, key = source.partition("?key=")
    status, content = fetch(f"{address}/{source}")
    assert (status, content) == (200, workspace.read_image(path.removeprefix("img/")))
    assert fetch(f"{address}/{path}")[0] == 403
    assert fetch(f"{address}/{path}?key={key[:-1]}x")[0] == 403
    assert page.locator(".tools .progress").is_visible()
    assert not page.locator(".tools .gallery").is_visible()
    people = {r.name for r in workspace.store().raters() if r.kind is RaterKind.PERSON}
    assert people == {"Ada", "ADA@example.org"}

    page.locator(".leave").click()
    page.get_by_role("button", name="Log in").wait_for()

    other = enter(email="eve@example.com", email_verified=True)
    other.get_by_text("eve@example.com may not rate here").wait_for()
    assert other.locator(".stage").count() == 0

    typed = {"email": "ada@example.org", "name": "ada@example.org"}
    for claims in (typed, typed | {"email_verified": False}):
        enter(**claims).get_by_text("1234 may not rate here").wait_for()
    bob = enter(email="bob@lab.example.org", email_verified="true")
    bob.locator(".stage[data-token]").wait_for()
    bob.locator(".tools .gallery").click()
    bob.get_by_role("heading", name="Gallery").wait_for()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, and none is on the PATH")
def test_the_gallery_is_for_admins(enter: Callable[..., Page], address: str):
    page = enter(email="ada@example.org", email_verified=True)
    page.locator(".stage[data-token]").wait_for()
    page.goto(f"{address}/gallery")
    page.get_by_role("dialog").get_by_text("Page not found").wait_for()
    assert page.locator(".st-key-gallery").count() == 0
