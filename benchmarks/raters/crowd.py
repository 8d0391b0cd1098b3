"""Raters at work: each looks, presses a key and waits for the next pair, again and again."""

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle

from websockets.exceptions import ConnectionClosed

from benchmarks.raters.stage_client import StageClient
from data.records import Choice, Rater, RaterKind
from data.workspace import Workspace

_CHOICES = (
    *(Choice.LEFT, Choice.RIGHT, Choice.LEFT, Choice.TIE, Choice.BOTH_BAD),
    *(Choice.RIGHT, Choice.UNDO, Choice.LEFT, Choice.SKIP),
)
"""What each rater presses, by turns."""
_FINE = ("", "Taken back: here is that pair again.")
_PATIENCE_S = 10
"""After this the page says that there was no answer from the server."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Acknowledged:
    """A press after which the next pair came."""

    rater_id: str
    token: str
    choice: Choice
    left_sha256: str
    milliseconds: float


@dataclass(kw_only=True, slots=True)
class Log:
    """What one rater saw."""

    name: str
    acknowledged: list[Acknowledged] = field(default_factory=list)
    problems: list[tuple[float, str]] = field(default_factory=list)
    """What they should not have seen, and when, in seconds since the epoch."""


class Crowd:
    """Raters who sit down one after another and then rate at once, until their app is gone."""

    def __init__(self, workspace: Workspace, urls: Sequence[str], num: int, look_s: float) -> None:
        """Open a tab for each of `num` raters, at the apps by turns; each looks about so long."""
        self._look_s = look_s
        self.logs: list[Log] = []
        self._threads: list[threading.Thread] = []
        for number, url in zip(range(num), cycle(urls), strict=False):
            rater = Rater.new(f"rater {number + 1}", RaterKind.PERSON)
            workspace.store().add_rater(rater)
            log, client = Log(name=rater.name), StageClient(url, rater.name)
            self.logs.append(log)
            self._threads.append(
                threading.Thread(target=self._rate, args=(client, rater, log, number))
            )

    def begin(self) -> None:
        """Let everybody rate."""
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        """Wait until all have seen that their app is gone."""
        for thread in self._threads:
            thread.join()

    def _rate(self, client: StageClient, rater: Rater, log: Log, number: int) -> None:
        rng = random.Random(number)
        try:
            with client:
                while client.stage["pair"] is not None:
                    look_s = self._look_s * rng.uniform(0.5, 1.5)
                    time.sleep(look_s)
                    choice = _CHOICES[len(log.acknowledged) % len(_CHOICES)]
                    _press(client, rater, log, choice, look_s)
                    client.fetch_images()
                _note(log, "nothing is left to compare")
        except (ConnectionClosed, OSError) as error:
            _note(log, f"connection lost: {error}")


def _press(client: StageClient, rater: Rater, log: Log, choice: Choice, look_s: float) -> None:
    before, start = client.stage, time.perf_counter()
    client.press(choice.value, round(1000 * look_s))
    try:
        after = next(
            each for each in client.stages(_PATIENCE_S) if each["answer"] != before["answer"]
        )
    except TimeoutError:
        after = before | {"notice": "No answer from the server yet."}
    for said in [*client.troubles, *[after["notice"]] * (after["notice"] not in _FINE)]:
        _note(log, said)
    client.troubles.clear()
    if after["token"] != before["token"] and after["notice"] in _FINE:
        log.acknowledged.append(
            Acknowledged(
                rater_id=rater.rater_id,
                token=before["token"],
                choice=choice,
                left_sha256=before["pair"]["left"].removeprefix("img/").partition("?")[0],
                milliseconds=1000 * (time.perf_counter() - start),
            )
        )


def _note(log: Log, said: str) -> None:
    log.problems.append((time.time(), said))
