"""The gallery's rows as HTML: the images are their original bytes, and a link opens each by itself.

Streamlit's own image element would encode them anew (`images`). All text is escaped.
"""

from html import escape

from data.records import Image, Prompt
from labeling_app.access import image_url
from labeling_app.side_by_side import Row

_SMALL_PX, _LARGE_PX = 128, 240
"""Width of an image in the gallery; small ones are enlarged by whole numbers."""


def row_html(row: Row, num_seeds: int) -> str:
    """Return a prompt and both policies' images of its first seeds."""
    couples = row.couples[:num_seeds]
    strips = [[couple.left for couple in couples], [couple.right for couple in couples]]
    about = " · ".join(escape(word) for word in (row.prompt.family, row.prompt.split) if word)
    return (
        f'<section class="row"><header><h4 dir="auto">{escape(row.prompt.text)}</h4>'
        f"<span>{about}</span></header>"
        f'<div class="strips">{"".join(_strip(row.prompt, images) for images in strips)}</div>'
        "</section>"
    )


def _strip(prompt: Prompt, images: list[Image]) -> str:
    size = max(_shown_width(image) for image in images)
    figures = "".join(_figure(prompt, image) for image in images)
    return (
        f"<div><p>{escape(images[0].policy)}</p>"
        f'<div class="strip" style="--size: {size}px">{figures}</div></div>'
    )


def _figure(prompt: Prompt, image: Image) -> str:
    address = escape(image_url(image.sha256))
    says = escape(f"{prompt.text}, by {image.policy}, seed {image.seed}")
    width = _shown_width(image)
    height = round(image.height * width / image.width)
    kind = ' class="enlarged"' if width > image.width else ""
    return (
        f'<figure><a href="{address}" target="_blank"><img src="{address}" alt="{says}"{kind}'
        f' width="{width}" height="{height}" loading="lazy"></a>'
        f"<figcaption>seed {image.seed}</figcaption></figure>"
    )


def _shown_width(image: Image) -> int:
    if image.width > _SMALL_PX:
        return min(image.width, _LARGE_PX)
    return image.width * (_SMALL_PX // image.width)
