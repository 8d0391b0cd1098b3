"""Tuning: collect, score, advantages, updates, log, gallery, checkpoint; and once more."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tqdm import tqdm

from data.errors import RewardError, TastemakerError
from data.files import sha256_of
from rl_finetune import offline, online
from rl_finetune.config import TuneConfig
from rl_finetune.dataset import draw_dataset
from rl_finetune.gallery import draw_gallery, save_gallery
from rl_finetune.memory import shortage_explained
from rl_finetune.metrics import IterationMetrics
from rl_finetune.model_card import make_model_card
from rl_finetune.run_folder import RunFolder
from rl_finetune.session import Session, open_session
from rl_finetune.trackers import Trackers
from rl_finetune.trained import weights_file


class TrainingDiverged(TastemakerError):  # noqa: N818
    """Report a loss or gradient that is not finite, with the last good checkpoint."""


@dataclass(frozen=True, kw_only=True)
class TuneResult:
    """What a finished run left behind."""

    folder: Path
    adapter: Path
    """Folder of the adapter, or of the UNet, in diffusers' format, with a model card."""
    adapter_sha256: str
    """Of the weights' file."""
    iterations: list[IterationMetrics]
    """In order."""
    is_main: bool = True
    """This process is the one that talks, where accelerate launched several."""


@shortage_explained(
    "choose a smaller sampling.batch_size or optimiser.batch_size, or gradient_checkpointing true, "
    "and go on with --resume; a round goes on by itself"
)
def tune(
    config: TuneConfig, *, out: Path, resume: bool = False, progress: bool = True
) -> TuneResult:
    """Tune a policy towards a reward and leave everything about it in the folder `out`.

    With `resume`, a run that stopped goes on from its newest checkpoint, bit for bit on a CPU; one
    that finished is left as it is, and where there is none yet it starts. Raises a
    `TastemakerError` for whatever a user can mend.
    """
    folder = RunFolder(out, config)
    folder.check(resume=resume)
    trackers = Trackers(config.trackers, folder.trackers)
    session = open_session(config, checkpoint=folder.checkpoints.newest())
    processes = session.processes
    folder.refuse_other_prompts(session.prompts)
    done = folder.checkpoints.load_newest(session.state)
    processes.wait()  # nobody looks any more: the main process may write
    if processes.is_main:
        folder.write_about(processes.device, session.prompts)
        folder.metrics.keep_until(done)
        trackers.start(config, done)
    _train(session, folder, trackers, done, progress and processes.is_main)
    if processes.is_main and (done < config.iterations or not folder.is_published()):
        card = make_model_card(config, folder.metrics.read())
        folder.publish_adapter(session.learner.policy, card)
    trackers.finish()
    processes.wait()  # for the adapter, which every process looks at
    return TuneResult(
        folder=out,
        adapter=folder.adapter,
        adapter_sha256=sha256_of(weights_file(folder.adapter)),
        iterations=folder.metrics.read(),
        is_main=processes.is_main,
    )


def _train(
    session: Session, folder: RunFolder, trackers: Trackers, done: int, progress: bool
) -> None:
    config, is_main = session.config, session.processes.is_main
    with _explained(folder, f"before iteration {done + 1}"):
        if is_main and done == 0:
            _save_gallery(session, folder, 0)
        iterate = _iterator(session, folder, progress)
    bar = tqdm(
        range(done + 1, config.iterations + 1),
        desc="tune",
        unit="iteration",
        initial=done,
        total=config.iterations,
        disable=not progress,
    )
    for iteration in bar:
        is_last = iteration == config.iterations
        with _explained(folder, f"in iteration {iteration}"):
            record = iterate(iteration)
            if is_main:
                folder.metrics.append(record)
                trackers.log(record)
            if is_main and (is_last or iteration % config.gallery.every == 0):
                _save_gallery(session, folder, iteration)
            if is_last or iteration % config.checkpoint_every == 0:
                folder.checkpoints.save(session.state, iteration)
        bar.set_postfix(reward=f"{record.reward:.3f}", kl=f"{record.kl:.2f}")


def _iterator(
    session: Session, folder: RunFolder, progress: bool
) -> Callable[[int], IterationMetrics]:
    """Return what runs an iteration of the objective, having drawn what it needs beforehand."""
    if session.config.objective == "dpok":
        return partial(online.run_iteration, session)
    dataset = draw_dataset(session, folder.dataset, progress=progress)
    return partial(offline.run_iteration, session, dataset)


def _save_gallery(session: Session, folder: RunFolder, iteration: int) -> None:
    config = session.config
    grid = draw_gallery(session.learner.policy, session.prompts, config.sampling, config.gallery)
    save_gallery(folder.gallery_path(iteration), grid)


@contextmanager
def _explained(folder: RunFolder, where: str) -> Iterator[None]:
    """Say where a run stopped and what is kept of it."""
    newest = folder.checkpoints.newest()
    kept = f"the last checkpoint is {newest}" if newest else "there is no checkpoint yet"
    try:
        yield
    except FloatingPointError as error:
        raise TrainingDiverged(f"{where}: {error}; {kept}") from error
    except RewardError as error:
        raise RewardError(f"{where}: {error}; {kept}") from error
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"stopped {where}; {kept}; --resume goes on from there") from None
