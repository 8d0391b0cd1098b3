"""A tab of the app without a browser: it speaks Streamlit's protocol, as the page's script does.

Twenty tabs of Chromium keep a small machine from everything else; raters bring machines of their
own. What is left is what the server has to do: it runs the page, sends the stage and images.
"""

import contextlib
import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any, Self

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

_COMPONENT = "tastemaker.stage"
_TROUBLE = ("exception", "alert", "markdown", "text")
"""Elements that the rate page has only where something went wrong."""
_PATIENCE_S = 60


class StageClient:
    """One tab, from its opening until the server is gone."""

    def __init__(self, url: str, name: str) -> None:
        """Open the page under a rater's name and wait for the first pair."""
        self.troubles: list[str] = []
        self._url = url
        self._query = urllib.parse.urlencode({"rater": name})
        self._page = self._fragment = self._trigger = ""
        self._fetched: set[str] = set()
        self._opened = contextlib.ExitStack()
        stream = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
        self._connection: ClientConnection = self._opened.enter_context(
            connect(stream, subprotocols=[Subprotocol("streamlit")], max_size=None)
        )
        self._send(BackMsg())
        self.stage = next(self.stages(_PATIENCE_S))
        self.fetch_images()

    def __enter__(self) -> Self:
        """Keep the tab open for the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the tab."""
        self._opened.close()

    def press(self, choice: str, milliseconds: int) -> None:
        """Send what the stage sends for a key."""
        value = {"choice": choice, "token": self.stage["token"], "milliseconds": milliseconds}
        message = BackMsg()
        message.rerun_script.fragment_id = self._fragment
        trigger = message.rerun_script.widget_states.widgets.add()
        trigger.id = self._trigger
        trigger.json_trigger_value = json.dumps([{"event": "press", "value": value}])
        self._send(message)

    def stages(self, patience_s: float) -> Iterator[dict[str, Any]]:
        """Yield what the stage shows, each time the server sends it anew.

        Raises `TimeoutError` where nothing at all comes for so long, and `ConnectionClosed`.
        """
        while True:
            message = ForwardMsg.FromString(_binary(self._connection.recv(patience_s)))
            if message.HasField("navigation"):
                self._page = message.navigation.page_script_hash
            elif message.HasField("delta"):
                yield from self._read(message.delta)

    def fetch_images(self) -> None:
        """Load the images on the stage and behind it, as the page does."""
        pairs = [self.stage["pair"], *self.stage["ahead"]]
        wanted = {pair[side] for pair in pairs if pair for side in ("left", "right")}
        for address in wanted - self._fetched:
            with urllib.request.urlopen(f"{self._url}/{address}", timeout=_PATIENCE_S) as answer:
                answer.read()
        self._fetched |= wanted

    def _read(self, delta: Delta) -> Iterator[dict[str, Any]]:
        element = delta.new_element
        kind = element.WhichOneof("type")
        if kind in _TROUBLE:
            self.troubles.append(" ".join(str(getattr(element, kind)).split()))
        if kind == "bidi_component" and element.bidi_component.component_name == _COMPONENT:
            self._fragment = delta.fragment_id
            base = element.bidi_component.id
            self._trigger = f"$$STREAMLIT_INTERNAL_KEY_{base}__events"
            self.stage = json.loads(element.bidi_component.json)
            yield self.stage

    def _send(self, message: BackMsg) -> None:
        message.rerun_script.query_string = self._query
        message.rerun_script.page_script_hash = self._page
        self._connection.send(message.SerializeToString())


def _binary(message: str | bytes) -> bytes:
    assert isinstance(message, bytes)
    return message
