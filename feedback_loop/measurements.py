"""What was measured of single images, as one file: `report/measurements.jsonl`.

Everything that the report says about policies and rewards is computed from these lines.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data.errors import WorkspaceError
from data.json_lines import read_json_lines, write_json_lines
from data.records import Split
from data.workspace import Workspace
from feedback_loop.hints import hint


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredImage:
    """One image of one policy, and what was found about it."""

    policy: str
    image_id: str
    sha256: str
    prompt_id: str
    prompt: str
    family: str
    split: Split
    seed: int
    met: bool | None
    """Whether the judge says that the prompt is met; none where no judge knows."""
    quality: float | None
    """The judge's probability that everything is well drawn."""
    reward: float | None
    """By the reward model that was the newest then; none where there was none yet."""
    reward_model: str | None = None
    """Its name; files written before this was noted have none."""
    clip: float
    """Similarity of image and prompt by the untouched backbone."""
    distance: float
    """Mean cosine distance to the policy's other images of the prompt, in the untouched backbone's
    vision features: its mean over images is the policy's diversity."""


def measurements_path(workspace: Workspace) -> Path:
    """Return where a workspace's measurements lie."""
    return workspace.report / "measurements.jsonl"


def write_measurements(workspace: Workspace, measured: Sequence[MeasuredImage]) -> None:
    """Replace what was measured before."""
    write_json_lines(measurements_path(workspace), map(dataclasses.asdict, measured))


def read_measurements(workspace: Workspace) -> list[MeasuredImage]:
    """Read what was measured last; `WorkspaceError` where that cannot be done."""
    path = measurements_path(workspace)
    try:
        return [MeasuredImage(**record) for record in read_json_lines(path)]
    except FileNotFoundError:
        raise WorkspaceError(
            f"nothing is measured in {workspace.root} yet; a round ends with it: "
            f"`{hint(workspace, 'round')}`"
        ) from None
    except (OSError, ValueError, TypeError) as error:
        raise WorkspaceError(
            f"{path} cannot be read ({error}); delete it and run `tastemaker report` again"
        ) from None
