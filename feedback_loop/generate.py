"""The pairs of a round: images of the newest policy, some of them against the one before it."""

from dataclasses import replace

import numpy as np

from data.records import ChosenBy, Image, Pair, Policy
from feedback_loop.choosing import choose_pairs, reward_before
from feedback_loop.config import LoopConfig
from feedback_loop.drawing import Artist, Wanted
from feedback_loop.gold import add_gold
from feedback_loop.loop import Loop
from feedback_loop.pairing import pair_up, share_out
from feedback_loop.seeds import pair_seed


def generate(loop: Loop, number: int) -> dict[str, object]:
    """Draw and pair the images of a round; what is there already stays as it is.

    Pairs go on record as soon as both their images are, so that people can begin to compare.
    Returns what the round notes.
    """
    loop.store.add_prompts(loop.prompts())
    policy = policy_of_round(loop, number)
    artist = Artist(loop, policy)
    reward = reward_before(loop, number)
    earlier = _earlier_images(artist, number)
    wanted, pairs = _plan(artist, number, earlier, all_images=reward is not None)
    waiting = _WaitingPairs(loop, pairs if reward is None else [])
    images = artist.draw(
        wanted,
        number=number,
        purpose=f"round {number}: images of {policy.name}",
        on_saved=waiting.on_saved,
    )
    if reward is not None:
        pairs = choose_pairs(loop, number, reward, images, earlier, evenly=pairs)
        loop.store.add_pairs(for_people(pairs, loop.config))
    add_gold(loop, number, images)
    return {
        "policy": policy.name,
        "num_images": len(wanted),
        "num_pairs": len(pairs),
        "chosen_by": (ChosenBy.CHANCE if reward is None else ChosenBy.INFORMATION).value,
    }


def policy_of_round(loop: Loop, number: int) -> Policy:
    """Return the policy that a round starts from: the one that came of the round before.

    Policies that were added beside the rounds are none of them.
    """
    before = [policy for policy in loop.store.policies() if policy.round < number]
    return max(before, key=lambda policy: policy.round)  # the first of equals: the base is


def _plan(
    artist: Artist, number: int, earlier: dict[str, list[str]], *, all_images: bool
) -> tuple[list[Wanted], list[Pair]]:
    """Return the images to draw, the first of every prompt first, and who meets whom by chance.

    Images that no pair needs are drawn only if `all_images` is set.
    """
    config = artist.loop.config
    rng = np.random.default_rng([config.seed, number])
    prompts = {prompt.prompt_id: prompt for prompt in artist.loop.prompts("train", "compared")}
    shares = share_out(
        list(prompts),
        num_images=config.generate.num_images,
        num_pairs=config.generate.num_pairs,
        rng=rng,
    )
    wanted: list[tuple[int, Wanted]] = []
    pairs: list[Pair] = []
    for share in shares:
        prompt = prompts[share.prompt_id]
        own = [Wanted(prompt, pair_seed(config, number, i)) for i in range(share.num_images)]
        ids = artist.ids_of(own)
        met = pair_up(
            ids,
            earlier.get(share.prompt_id, []),
            num_pairs=share.num_pairs,
            num_across=share.num_across,
            rng=rng,
        )
        shown = {image_id for pair in met for image_id in pair}
        wanted += [(i, each) for i, each in enumerate(own) if all_images or ids[i] in shown]
        pairs += [
            Pair.new(round=number, prompt_id=share.prompt_id, image_a=a, image_b=b) for a, b in met
        ]
    drawn = [each for _, each in sorted(wanted, key=lambda row: row[0])]
    return drawn, for_people(pairs, config)


def for_people(pairs: list[Pair], config: LoopConfig) -> list[Pair]:
    """Say what is asked, and let exact shares have several raters, and come back to them.

    Ids of pairs are digests, so the first of them are a random draw, and so are the last.
    """
    people, ids = config.people, sorted(pair.pair_id for pair in pairs)
    shared = set(ids[: round(people.overlap_share * len(ids))])
    again = set(ids[len(ids) - round(people.repeat_share * len(ids)) :])
    seats = {True: people.overlap_raters, False: 1}
    return [
        replace(
            pair,
            num_raters=seats[pair.pair_id in shared],
            asked_again=pair.pair_id in again,
            aspects=config.generate.aspects,
        )
        for pair in pairs
    ]


def _earlier_images(artist: Artist, number: int) -> dict[str, list[str]]:
    """Return, by prompt, the parent policy's images that stood in pairs of earlier rounds."""
    if artist.policy.parent is None:
        return {}
    store = artist.loop.store
    of_parent = {image.image_id for image in store.images(policy=artist.policy.parent)}
    earlier: dict[str, dict[str, None]] = {}
    for pair in store.pairs():
        if pair.round < number:
            both = [image for image in (pair.image_a, pair.image_b) if image in of_parent]
            earlier.setdefault(pair.prompt_id, {}).update(dict.fromkeys(both))
    return {prompt_id: list(images) for prompt_id, images in earlier.items()}


class _WaitingPairs:
    """Pairs that wait for their images."""

    def __init__(self, loop: Loop, pairs: list[Pair]) -> None:
        self._store = loop.store
        self._waiting = pairs
        self._there = {image.image_id for image in self._store.images()}

    def on_saved(self, images: list[Image]) -> None:
        """Put the pairs on record whose second image has come."""
        self._there |= {image.image_id for image in images}
        ready = [pair for pair in self._waiting if {pair.image_a, pair.image_b} <= self._there]
        self._waiting = [
            pair for pair in self._waiting if not {pair.image_a, pair.image_b} <= self._there
        ]
        self._store.add_pairs(ready)
