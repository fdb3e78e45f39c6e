"""`robopref label labeler=human`: people answer, in a browser or in the terminal."""

from __future__ import annotations

import getpass
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robopref.cli.context import Context
from robopref.cli.label_subject import Subject, guide
from robopref.data.assignments import Assignments
from robopref.data.containment import dataset_of
from robopref.data.episodes import EpisodeStore
from robopref.data.feedback import FeedbackStore
from robopref.data.views import named_otherwise, pictures
from robopref.errors import ConfigError
from robopref.evaluation.video import write_video
from robopref.labelers.people.desk import Desk
from robopref.labelers.people.media import MediaFolder
from robopref.labelers.people.questions import attention_checks, with_repeats
from robopref.labelers.people.scenes import Scenes
from robopref.labelers.people.settings import LabelSettings
from robopref.records import Feedback, Item, Query
from robopref.robots.sim import film
from robopref.web.access import Access, usable_name
from robopref.web.guard import LOOPBACK

_STEPS_A_SECOND = 3  # of the camera's pictures of a segment


def ask_people(
    context: Context,
    settings: LabelSettings,
    store: FeedbackStore,
    subject: Subject,
    choose: Callable[[int], Sequence[Query]],
) -> None:
    """Put questions to people until they stop; goes on where it stopped.

    Args:
        context: Of the run.
        settings: How to ask.
        store: Where questions and answers go.
        subject: What the questions are about.
        choose: What to ask next, given how many questions nobody has looked at.

    Raises:
        ConfigError: Attention checks or films are wanted of items that are no candidates.
    """
    camera = subject.outcomes is None and "image" in subject.dataset.keys
    if not camera and "points" not in subject.dataset.keys:
        raise ConfigError(
            f"{subject.dataset.path} has neither points nor image, so there is nothing to show"
            f"{named_otherwise(subject.dataset)}"
        )
    if subject.outcomes is None and (settings.checks or settings.clips):
        raise ConfigError("labeler.checks and labeler.clips try candidates out; leave them for label.about=segments")
    assignments = Assignments(store, replicates=settings.replicates, lease=settings.lease)
    queries = choose(assignments.untouched())
    known: list[Feedback] = []
    if settings.checks and queries and subject.outcomes:
        used = [query.id for query in store.queries()]
        queries, known = attention_checks(queries, subject.outcomes(), settings.checks, context.seed, used=used)
    store.add_queries(with_repeats(queries, settings.repeats, context.seed), known)
    items = dict.fromkeys(item for query in store.queries() for item in query.items)
    if settings.clips or camera:
        _film(context, [item for item in items if item.source == subject.source], subject.dataset, camera=camera)
    found = {item.source: dataset_of(context.folder, item.source) for item in items}
    datasets = {source: path for source, path in found.items() if path is not None}
    datasets[subject.source] = subject.dataset.path
    clips = context.folder / "clips"
    stores = {source: EpisodeStore.open(path) for source, path in datasets.items() if path.exists()}
    desk = Desk(
        assignments,
        scenes={
            source: Scenes(found, guide(context, found)) for source, found in stores.items() if "points" in found.keys
        },
        media=MediaFolder(clips) if clips.exists() else None,
        levels=settings.levels,
    )
    try:
        if settings.terminal:
            _in_terminal(context, desk, settings)
        else:
            _in_browser(context, desk, settings)
    except KeyboardInterrupt:
        context.console.print()
    progress = desk.assignments.progress()
    context.console.print(f"{progress.done} of {progress.wanted} answers: {store.database.where}", soft_wrap=True)


def _in_browser(context: Context, desk: Desk, settings: LabelSettings) -> None:
    from robopref.labelers.people.server import create_app
    from robopref.web.serving import listen, serve

    console = context.console
    open_to_all = settings.host not in LOOPBACK
    if settings.tokens:
        access = Access.from_file(Path(settings.tokens))
    elif settings.annotators:
        access, new = Access.generated(settings.annotators, context.folder / "annotators.json")
        for name, token in new.items():
            console.print(f"token of {name}, shown this once: {token}", soft_wrap=True, highlight=False)
        if not new:
            console.print(f"tokens as before; remove {context.folder / 'annotators.json'} to make new ones")
    else:
        access = Access.alone(settings.annotator or _account())
    bound = listen(settings.host, settings.port)
    context.lock.release("labels")  # others may ask meanwhile, or serve the same questions
    port = bound.getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{port}/"
    console.print(f"Label at {address} and press Ctrl-C here when you have done enough", highlight=False)
    if open_to_all:
        console.print("Tokens travel unencrypted over http: use a network you trust, an SSH tunnel or a TLS proxy")
    if settings.browser and not open_to_all:
        webbrowser.open(address)
    # With tokens the server may go by any name, such as that of a proxy.
    serve(create_app(desk, access, LOOPBACK if access.name else None), bound)


def _in_terminal(context: Context, desk: Desk, settings: LabelSettings) -> None:
    from robopref.labelers.people.terminal import TerminalLabeler

    name = settings.annotator or _account()
    TerminalLabeler(desk, name, context.folder / "question.png", input, context.console.print).run()


def _account() -> str:
    try:
        return usable_name(getpass.getuser(), "human")
    except (OSError, KeyError):
        return "human"


def _film(context: Context, items: Sequence[Item], dataset: EpisodeStore, *, camera: bool) -> None:
    """A short video of each item where there is none yet: of what a candidate would do, or of what the camera saw."""
    folder = context.folder / "clips"
    folder.mkdir(exist_ok=True)
    missing = [item for item in items if not (folder / f"{MediaFolder.name(item)}.mp4").exists()]

    def frames() -> Iterator[list[NDArray[np.uint8]]]:
        if camera:
            yield from (list(pictures(dataset, item.start, item.stop)) for item in missing)
        else:
            snapshots, chunks = dataset.array("snapshot"), dataset.array("candidates")
            jobs = [([(snapshots[item.start], chunks[item.start, item.candidate])],) for item in missing]
            yield from context.pool.map(film, jobs)

    fps = _STEPS_A_SECOND if camera else 24
    with context.stage("Film the items", "clips", resumes=True) as bar:
        for done, (item, shown) in enumerate(zip(missing, frames(), strict=True), 1):
            write_video(folder / f"{MediaFolder.name(item)}.mp4", shown, fps=fps)
            bar(done, len(missing))
