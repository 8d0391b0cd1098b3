"""Where a workspace stands, from its store alone."""

from collections import Counter
from collections.abc import Sequence

from data.duckdb_log import kept_logs
from data.records import IMPORTED, RaterKind, RewardModel, RoundEvent
from data.round_progress import RoundProgress
from data.store import Store
from data.workspace import Workspace
from feedback_loop.hints import hint
from feedback_loop.readable import percent
from feedback_loop.stages import Position, num_finished_rounds, position
from feedback_loop.terminal import say
from reward_training.trust.words import outputs_of


def say_status(workspace: Workspace) -> None:
    """Print what there is and what comes next; an empty store is a state like any other."""
    store = workspace.store()
    events, policies = store.round_events(), store.policies()
    at = position(events)
    lines = [
        ("workspace", str(workspace.root)),
        ("store", store.place),
        *[
            ("damaged log", f"{path} (see docs/labeling.md)")
            for path in kept_logs(workspace.store_path)
        ],
        ("prompts", _prompts(store)),
        ("policies", " -> ".join(policy.name for policy in policies) or "none"),
        ("images", _images(store)),
        ("pairs", _pairs(store)),
        ("comparisons", _comparisons(store)),
        ("choices", _choices(store)),
        *_rating(store),
        *_studies(store),
        ("reward models", _reward_models(store.reward_models())),
        ("rounds", _rounds(events, at)),
        ("next", _next(workspace, at) if policies else hint(workspace, "init")),
    ]
    for name, value in lines:
        say(f"{name:<14}{value}")


def _rating(store: Store) -> list[tuple[str, str]]:
    """Say how people rate the newest round, once they do."""
    if not store.counts().by_kind[RaterKind.PERSON]:
        return []
    from labeling_app.rating_report import report_on
    from labeling_app.rating_words import agreement_words, rater_words, side_words, win_words

    report = report_on(store)
    return [
        ("raters", "; ".join(rater_words(line) for line in report.raters) or "none in this round"),
        ("agreement", agreement_words(report)),
        ("left side", side_words(report)),
        *[("preferred", "; ".join(win_words(win) for win in report.wins))] * bool(report.wins),
    ]


def _studies(store: Store) -> list[tuple[str, str]]:
    """Say how far people are with studies, if there are any."""
    studies = store.studies()
    if not studies:
        return []
    from labeling_app.study_report import num_answers

    said = []
    for study in studies:
        given, wanted = num_answers(store, study)
        said.append(f"{study.name} ({study.status}, {given} of {wanted} answers by people)")
    return [("studies", "; ".join(said))]


def _prompts(store: Store) -> str:
    number = Counter(prompt.split for prompt in store.prompts())
    compared = f"{number['compared']} to compare only, " if number["compared"] else ""
    return f"{number['train']} to train on, {compared}{number['unseen']} unseen"


def _images(store: Store) -> str:
    images = store.images()
    imported = sum(image.sampler.scheduler == IMPORTED for image in images)
    return f"{len(images)} ({imported} imported)" if imported else str(len(images))


def _pairs(store: Store) -> str:
    pairs = store.pairs()
    numbers = sorted({pair.round for pair in pairs})
    rounds = ", ".join(_progress(number, store.round_progress(number)) for number in numbers)
    return f"{len(pairs)} ({rounds})" if pairs else "0"


def _progress(number: int, found: RoundProgress) -> str:
    skipped = f" and {found.num_skipped} skipped" if found.num_skipped else ""
    return f"round {number}: {found.num_compared} of {found.num_pairs} compared{skipped}"


def _comparisons(store: Store) -> str:
    by_kind = store.counts().by_kind
    simulated = by_kind[RaterKind.SIMULATED]
    parts = [f"{by_kind[RaterKind.PERSON]} by people"]
    parts += [f"{simulated} SIMULATED"] if simulated else []
    parts += [f"{by_kind[RaterKind.MODEL]} by models"] if by_kind[RaterKind.MODEL] else []
    return ", ".join(parts)


def _choices(store: Store) -> str:
    by_choice = store.counts().by_choice
    return ", ".join(f"{count} {c.value.replace('_', ' ')}" for c, count in by_choice.items())


def _reward_models(models: Sequence[RewardModel]) -> str:
    return ", ".join(f"{model.name} ({_accuracy(model)})" for model in models) or "none"


def _accuracy(model: RewardModel) -> str:
    said = [
        f"{name} {percent(of.get('held_out_accuracy'))} of {of.get('held_out_pairs', 0)}".lstrip()
        for name, of in outputs_of(model.metrics).items()
    ]
    return f"{' and '.join(said)} held-out choices"


def _rounds(events: Sequence[RoundEvent], at: Position) -> str:
    finished = f"{num_finished_rounds(events)} finished"
    return (
        finished if at.is_between_rounds else f"{finished}; round {at.round} stands at {at.stage}"
    )


def _next(workspace: Workspace, at: Position) -> str:
    go_on = hint(workspace, "round")
    if at.stage == "compare":
        return f"{hint(workspace, 'label')}, then {go_on}"
    return go_on
