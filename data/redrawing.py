"""The store's verb for images that were drawn again: the one record that ever follows a file."""

from collections.abc import Sequence

from data.engine import Verbs
from data.records import Image


class Redrawing(Verbs):
    """Putting right what the loss of a file left wrong."""

    def replace_lost_images(self, images: Sequence[Image]) -> None:
        """Let the records of images whose files are gone name the files drawn in their place.

        The drawing is the same, so its id, pairs and comparisons stay; its bytes depend on what was
        drawn beside it in a batch. Snapshots that were taken before name the bytes that are lost.
        """
        with self.writing() as connection:
            for image in images:
                connection.execute(
                    "UPDATE images SET sha256 = ? WHERE image_id = ?",
                    [image.sha256, image.image_id],
                )
