"""What is shown of a pair: its prompt and two images, by hash. Never which policy made them."""

from collections.abc import Sequence
from dataclasses import dataclass

from data.questions import Question
from data.records import Image, Prompt
from data.store import Store
from labeling_app.sides import left_image, other_image


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """A pair as one rater sees it, and what is asked about it."""

    question: Question
    prompt: str
    left: str
    """Image id, recorded as `shown_left`."""
    left_sha256: str
    right_sha256: str


class Cards:
    """Makes cards for one rater. Prompts and images never change, so each is read once."""

    def __init__(self, store: Store, rater_id: str) -> None:
        self._store = store
        self._rater_id = rater_id
        self._prompts: dict[str, Prompt] = {}
        self._images: dict[str, Image] = {}

    def card(self, question: Question) -> Card:
        """Return its card; raise `UnknownRecord` when a part of the pair is not in the store."""
        pair = question.pair
        left = left_image(pair, self._rater_id, is_repeat=question.repeats is not None)
        return Card(
            question=question,
            prompt=self._prompt(pair.prompt_id).text,
            left=left,
            left_sha256=self._image(left).sha256,
            right_sha256=self._image(other_image(pair, left)).sha256,
        )

    def look_up(self, questions: Sequence[Question]) -> None:
        """Read the images of all these at once, so that their cards are made without."""
        pairs = [question.pair for question in questions]
        shown = {image_id for pair in pairs for image_id in (pair.image_a, pair.image_b)}
        if unknown := sorted(shown - self._images.keys()):
            found = self._store.images(image_ids=unknown)
            self._images.update({image.image_id: image for image in found})

    def _prompt(self, prompt_id: str) -> Prompt:
        if prompt_id not in self._prompts:
            self._prompts[prompt_id] = self._store.prompt(prompt_id)
        return self._prompts[prompt_id]

    def _image(self, image_id: str) -> Image:
        if image_id not in self._images:
            self._images[image_id] = self._store.image(image_id)
        return self._images[image_id]
