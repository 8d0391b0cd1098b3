"""The store's verbs for everything but comparisons: what exists and where it came from."""

from collections.abc import Sequence
from typing import TypeVar

from data import rows
from data.engine import Connection, Verbs
from data.errors import PromptError, UnknownRecord
from data.records import Image, Pair, Policy, Prompt, Rater, RaterKind, RewardModel, RoundEvent, Run

RecordT = TypeVar("RecordT")


class Catalogue(Verbs):
    """Prompts, policies, images, pairs, raters, reward models, runs and round events.

    Every `add_*` is one transaction and ignores what is there already, so it can be run again.
    """

    def add_prompts(self, prompts: Sequence[Prompt]) -> None:
        """Add prompts of one or more sets.

        A prompt may be in several sets but only in one split, or held-out prompts would be
        trained on: anything else is a `PromptError` and adds nothing.
        """
        with self.writing() as connection:
            split_of = {p.prompt_id: p.split for p in rows.PROMPTS.select(connection)}
            for prompt in prompts:
                known = split_of.setdefault(prompt.prompt_id, prompt.split)
                if known != prompt.split:
                    raise PromptError(
                        f"prompt {prompt.text[:60]!r} is already in split {known!r} and cannot be"
                        f" in {prompt.split!r} too; change its split in set {prompt.prompt_set!r}"
                    )
            rows.PROMPTS.insert(connection, prompts)

    def prompts(self, prompt_set: str | None = None, split: str | None = None) -> list[Prompt]:
        """List prompts in order of arrival; without a set, each prompt once."""
        source = "distinct_prompts" if prompt_set is None else None
        return self._list(rows.PROMPTS, source=source, prompt_set=prompt_set, split=split)

    def prompt(self, prompt_id: str) -> Prompt:
        """Return one prompt or raise `UnknownRecord`."""
        return self._one(rows.PROMPTS, "prompt", prompt_id=prompt_id)

    def add_policy(self, policy: Policy) -> None:
        """Add a policy; one that has the name already is kept."""
        self._add(rows.POLICIES, [policy])

    def policies(self) -> list[Policy]:
        """List policies that can draw, the first base first."""
        return [policy for policy in self._list(rows.POLICIES) if not policy.is_imported]

    def imported_policies(self) -> list[Policy]:
        """List those that only name where imported images came from."""
        return [policy for policy in self._list(rows.POLICIES) if policy.is_imported]

    def policy(self, name: str) -> Policy:
        """Return the policy of that name or raise `UnknownRecord`."""
        return self._one(rows.POLICIES, "policy", name=name)

    def newest_policy(self) -> Policy:
        """Return the policy added last or raise `UnknownRecord` when there is none."""
        policies = self.policies()
        if not policies:
            raise UnknownRecord(f"no policy in {self.place}; add one with `tastemaker init`")
        return policies[-1]

    def add_images(self, images: Sequence[Image]) -> None:
        """Add the records of images whose files are in the workspace already."""
        self._add(rows.IMAGES, images)

    def images(
        self,
        policy: str | None = None,
        round: int | None = None,  # noqa: A002
        prompt_ids: Sequence[str] | None = None,
        image_ids: Sequence[str] | None = None,
    ) -> list[Image]:
        """List images, of a policy, a round, some prompts or by their ids where asked."""
        of_prompts = None if prompt_ids is None else list(prompt_ids)
        ids = None if image_ids is None else list(image_ids)
        return self._list(
            rows.IMAGES, policy=policy, round=round, prompt_id=of_prompts, image_id=ids
        )

    def newest_hashes(self, num: int) -> list[str]:
        """List the hashes of the images that were added last."""
        query = "SELECT sha256 FROM images ORDER BY ordinal DESC LIMIT ?"
        with self.reading() as connection:
            return [sha256 for (sha256,) in connection.execute(query, [num]).fetchall()]

    def image(self, image_id: str) -> Image:
        """Return one image's record or raise `UnknownRecord`."""
        return self._one(rows.IMAGES, "image", image_id=image_id)

    def add_pairs(self, pairs: Sequence[Pair]) -> None:
        """Add pairs of two known images of one known prompt; anything else adds nothing."""
        with self.writing() as connection:
            self._check_pairs(connection, pairs)
            rows.PAIRS.insert(connection, pairs)

    def pairs(self, round: int | None = None) -> list[Pair]:  # noqa: A002
        """List the pairs that may be learned from, of one round where asked."""
        return self._list(rows.PAIRS, source="round_pairs", round=round)

    def gold_pairs(self, round: int | None = None) -> list[Pair]:  # noqa: A002
        """List the pairs whose answer is known, of one round where asked."""
        return self._list(rows.PAIRS, source="gold_pairs", round=round)

    def newest_round(self) -> int:
        """Return the number of the newest round that has pairs, 0 if there is none."""
        with self.reading() as connection:
            query = "SELECT coalesce(max(round), 0) FROM round_pairs"
            row = connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    def add_rater(self, rater: Rater) -> None:
        """Add a rater; the same name and kind is the same rater and is kept."""
        self._add(rows.RATERS, [rater])

    def raters(self) -> list[Rater]:
        """List raters of every kind."""
        return self._list(rows.RATERS)

    def find_rater(self, name: str, kind: RaterKind) -> Rater | None:
        """Return the rater of that name and kind, if there is one."""
        found = self._list(rows.RATERS, name=name, kind=kind.value)
        return found[0] if found else None

    def add_reward_model(self, reward_model: RewardModel) -> None:
        """Add a fitted reward; one that has the name already is kept."""
        self._add(rows.REWARD_MODELS, [reward_model])

    def reward_models(self) -> list[RewardModel]:
        """List reward models, the first fitted first."""
        return self._list(rows.REWARD_MODELS)

    def reward_model(self, name: str) -> RewardModel:
        """Return the reward model of that name or raise `UnknownRecord`."""
        return self._one(rows.REWARD_MODELS, "reward model", name=name)

    def add_run(self, run: Run) -> None:
        """Add a run, or a known run's new status."""
        self._add(rows.RUNS, [run])

    def runs(self) -> list[Run]:
        """List runs, each with its newest status."""
        return self._list(rows.RUNS, source="current_runs")

    def add_round_event(self, event: RoundEvent) -> None:
        """Add an event; every one is kept."""
        self._add(rows.ROUND_EVENTS, [event])

    def round_events(self, round: int | None = None) -> list[RoundEvent]:  # noqa: A002
        """List events in the order in which they happened."""
        return self._list(rows.ROUND_EVENTS, round=round)

    def _check_pairs(
        self, connection: Connection, pairs: Sequence[Pair], added: Sequence[Image] = ()
    ) -> None:
        """Raise `UnknownRecord` on what cannot be a pair; of `added` images it is known already."""
        prompt_of = {image.image_id: image.prompt_id for image in added}
        shown = {image for pair in pairs for image in (pair.image_a, pair.image_b)}
        others = rows.IMAGES.select(connection, image_id=sorted(shown - prompt_of.keys()))
        prompt_of |= {image.image_id: image.prompt_id for image in others}
        asked = sorted({pair.prompt_id for pair in pairs})
        prompts = {p.prompt_id for p in rows.PROMPTS.select(connection, prompt_id=asked)}
        for pair in pairs:
            if pair.prompt_id not in prompts:
                raise UnknownRecord(f"no prompt {pair.prompt_id!r} in {self.place}; add it first")
            for image in (pair.image_a, pair.image_b):
                of_prompt = prompt_of.get(image)
                is_foil = pair.better not in (None, image) and of_prompt is not None
                if of_prompt != pair.prompt_id and not is_foil:
                    raise UnknownRecord(
                        f"no image {image!r} of prompt {pair.prompt_id!r} in {self.place};"
                        " add it before its pair"
                    )

    def _add(self, table: rows.Table[RecordT], records: Sequence[RecordT]) -> None:
        with self.writing() as connection:
            table.insert(connection, records)

    def _list(
        self, table: rows.Table[RecordT], *, source: str | None = None, **conditions: object
    ) -> list[RecordT]:
        with self.reading() as connection:
            return table.select(connection, source=source, **conditions)

    def _one(self, table: rows.Table[RecordT], noun: str, **condition: str) -> RecordT:
        found = self._list(table, **condition)
        if not found:
            wanted = next(iter(condition.values()))
            raise UnknownRecord(f"no {noun} {wanted!r} in {self.place}")
        return found[0]
