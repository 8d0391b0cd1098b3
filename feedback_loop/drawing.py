"""Drawing the images that are wanted of a policy and not there yet, batch by batch.

Every image depends on its own seed and prompt only, and its id is known before it is drawn. So a
drawing that was cut short is run again and makes what is missing, the same as it would have been up
to rounding, which differs with what else is in a batch: where a file was lost, its record follows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tqdm import tqdm

from data.errors import ConfigError, UnknownRecord
from data.records import Image, Policy, Prompt, Sampler, image_id
from devices.choice import default_device
from feedback_loop.known_base import require_known_base
from feedback_loop.loop import Loop
from feedback_loop.world import base_of

if TYPE_CHECKING:
    from rl_finetune.stable_diffusion import StableDiffusionPolicy

SCHEDULER = "ddim"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image to be: a prompt and a seed."""

    prompt: Prompt
    seed: int


def policy_that_draws(loop: Loop, name: str) -> Policy:
    """Return the policy of that name.

    `ConfigError` where it is imported, `UnknownRecord` where there is none.
    """
    there = {policy.name: policy for policy in loop.store.policies()}
    if name in there:
        return there[name]
    known = ", ".join(there)
    if name in {policy.name for policy in loop.store.imported_policies()}:
        raise ConfigError(
            f"policy {name} is imported: it only names where images came from and cannot draw; "
            f"expected one of {known}"
        )
    raise UnknownRecord(f"no policy {name!r} in {loop.store.place}; there is {known}")


class Artist:
    """A policy that draws into a workspace."""

    def __init__(self, loop: Loop, policy: Policy) -> None:
        """Name the policy; its networks are opened when something has to be drawn."""
        assert not policy.is_imported, "the base's images would pass for imported ones"
        self.loop = loop
        self.policy = policy
        self._opened: StableDiffusionPolicy | None = None
        self._lost: set[str] = set()

    def draw(
        self,
        wanted: Sequence[Wanted],
        *,
        number: int,
        purpose: str,
        on_saved: Callable[[list[Image]], None] | None = None,
    ) -> list[Image]:
        """Return the images wanted, in order; those that are missing are drawn and put on record.

        Args:
            wanted: What to draw.
            number: The round that new images belong to.
            purpose: Said beside the progress bar.
            on_saved: Called with each batch that is on record: first all that were there already.
        """
        ids = self.ids_of(wanted)
        found = self._found(set(ids))
        tell = on_saved or _nobody
        tell([found[each] for each in ids if each in found])
        missing = [w for w, each in zip(wanted, ids, strict=True) if each not in found]
        batch_size = self.loop.config.sampling.batch_size
        with tqdm(total=len(missing), desc=purpose, unit="image", disable=not missing) as bar:
            for start in range(0, len(missing), batch_size):
                images = self._draw_batch(missing[start : start + batch_size], number)
                found |= {image.image_id: image for image in images}
                tell(images)
                bar.update(len(images))
        return [found[each] for each in ids]

    def ids_of(self, wanted: Sequence[Wanted]) -> list[str]:
        """Return the ids that the images have or will have."""
        of, sampler = self.policy, self._sampler()
        return [
            image_id(of.name, of.adapter_sha256, each.prompt.prompt_id, each.seed, sampler)
            for each in wanted
        ]

    def _sampler(self) -> Sampler:
        height, width = self._open().image_size
        told = self.loop.config.sampling
        return Sampler(
            scheduler=SCHEDULER,
            num_steps=told.num_steps,
            guidance=told.guidance,
            eta=told.eta,
            width=width,
            height=height,
        )

    def _open(self) -> "StableDiffusionPolicy":
        if self._opened is None:
            from rl_finetune.stable_diffusion import StableDiffusionPolicy

            base = base_of(self.loop.config)
            opened = StableDiffusionPolicy.open(
                base,
                adapter=self.loop.adapter_of(self.policy),
                device=default_device(),
                precision=self.loop.config.tune.precision,
            )
            require_known_base(self.loop.workspace, base, opened.fingerprint())
            self._opened = opened
        return self._opened

    def _found(self, ids: set[str]) -> dict[str, Image]:
        """Return the images on record whose file is there too; others are drawn again."""
        known = {
            image.image_id: image
            for image in self.loop.store.images(policy=self.policy.name)
            if image.image_id in ids
        }
        path_of = self.loop.workspace.image_path
        self._lost = {each for each in known if not path_of(known[each].sha256).is_file()}
        return {each: image for each, image in known.items() if each not in self._lost}

    def _draw_batch(self, batch: Sequence[Wanted], number: int) -> list[Image]:
        from rl_finetune.gallery import to_png

        sampler = self._sampler()
        drawn = self._open().sample(
            [wanted.prompt.text for wanted in batch],
            [wanted.seed for wanted in batch],
            num_steps=sampler.num_steps,
            guidance=sampler.guidance,
            eta=sampler.eta,
            batch_size=len(batch),
        )
        images = [
            Image.new(
                sha256=self.loop.workspace.save_image(to_png(pixels)),
                policy=self.policy.name,
                prompt_id=wanted.prompt.prompt_id,
                seed=wanted.seed,
                sampler=sampler,
                adapter_sha256=self.policy.adapter_sha256,
                round=number,
            )
            for wanted, pixels in zip(batch, drawn, strict=True)
        ]
        self.loop.store.add_images(images)
        if lost := [image for image in images if image.image_id in self._lost]:
            self.loop.store.replace_lost_images(lost)
        return images


def _nobody(_: list[Image]) -> None:
    """Be told of images and do nothing."""
