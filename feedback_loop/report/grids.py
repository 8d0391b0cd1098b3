"""Images side by side: each policy's at the same prompts and at the first seeds, none chosen."""

import base64
import io
from collections.abc import Sequence

from PIL import Image as Picture

from data.image_files import media_type_of
from data.workspace import Workspace
from feedback_loop.measurements import MeasuredImage
from feedback_loop.report.html import text

NUM_SEEDS = 6
_LONGEST_SIDE = 256


def chosen_prompts(measured: Sequence[MeasuredImage], split: str, per_family: int) -> list[str]:
    """Return the ids of the first prompts of each family in the prompt set's order."""
    by_family: dict[str, dict[str, None]] = {}
    for image in measured:
        if image.split == split:
            by_family.setdefault(image.family, {})[image.prompt_id] = None
    return [prompt for prompts in by_family.values() for prompt in list(prompts)[:per_family]]


def grid(
    workspace: Workspace,
    measured: Sequence[MeasuredImage],
    *,
    policies: Sequence[str],
    heads: Sequence[str],
    prompt_ids: Sequence[str],
) -> str:
    """Return a row per prompt and a strip of images per policy; `heads` are HTML."""
    images = {(i.policy, i.prompt_id, i.seed): i for i in measured}
    seeds = sorted({image.seed for image in measured})[:NUM_SEEDS]
    cells = ['<div class="head"></div>', *(f'<div class="head">{head}</div>' for head in heads)]
    for prompt_id in prompt_ids:
        first = next(image for image in measured if image.prompt_id == prompt_id)
        family = f"<small>{text(first.family)}</small>" if first.family else ""
        cells.append(f'<div class="prompt">{text(first.prompt)}{family}</div>')
        cells += [
            _strip(workspace, [images[policy, prompt_id, seed] for seed in seeds])
            for policy in policies
        ]
    style = f"--policies: {len(policies)}; --seeds: {len(seeds)}"
    return f'<div class="grid" style="{style}">\n' + "\n".join(cells) + "\n</div>"


def _strip(workspace: Workspace, images: Sequence[MeasuredImage]) -> str:
    figures = [
        f"<figure{' class=met' if image.met else ''}>"
        f'<img src="{data_uri(workspace.read_image(image.sha256))}" '
        f'alt="{text(image.prompt)}, by {text(image.policy)}, seed {image.seed}"><i></i></figure>'
        for image in images
    ]
    return f'<div class="strip">{"".join(figures)}</div>'


def data_uri(raw: bytes) -> str:
    """Return an image as part of the page; large ones are made smaller."""
    with Picture.open(io.BytesIO(raw)) as picture:
        if max(picture.size) <= _LONGEST_SIDE:
            return f"data:{media_type_of(raw)};base64,{base64.b64encode(raw).decode()}"
        small = picture.convert("RGB")
    small.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    file = io.BytesIO()
    small.save(file, format="JPEG", quality=88)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
