"""Drawing images again whose files were lost, so that a round can go on."""

from data.records import Image
from feedback_loop.drawing import Artist, Wanted
from feedback_loop.loop import Loop


def redraw_lost(loop: Loop) -> None:
    """Draw again all that is on record and not there, where its policy can still draw the same.

    What was imported, or drawn with other settings than today's, stays missing: whoever reads it
    says so.
    """
    path_of = loop.workspace.image_path
    lost = [image for image in loop.store.images() if not path_of(image.sha256).is_file()]
    for policy in loop.store.policies() if lost else []:
        if of_policy := [image for image in lost if image.policy == policy.name]:
            _redraw(Artist(loop, policy), of_policy)


def _redraw(artist: Artist, lost: list[Image]) -> None:
    prompts = {prompt.prompt_id: prompt for prompt in artist.loop.store.prompts()}
    wanted = [Wanted(prompts[image.prompt_id], image.seed) for image in lost]
    ids = artist.ids_of(wanted)
    same = [w for w, i, image in zip(wanted, ids, lost, strict=True) if i == image.image_id]
    purpose = f"lost images of {artist.policy.name}"
    artist.draw(same, number=lost[0].round, purpose=purpose)
