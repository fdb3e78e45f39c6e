"""`robopref label labeler=human`: people answer, in a browser or in the terminal."""

from __future__ import annotations

import getpass
import re
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robopref.cli.context import Context
from robopref.data.assignments import Assignments
from robopref.data.episodes import EpisodeStore
from robopref.data.feedback import FeedbackStore
from robopref.evaluation.video import write_video
from robopref.labelling.access import Access
from robopref.labelling.desk import Desk
from robopref.labelling.media import MediaFolder
from robopref.labelling.questions import CHECKER, attention_checks, with_repeats
from robopref.labelling.scenes import CandidateScenes
from robopref.labelling.settings import LOOPBACK, NAME, LabelSettings
from robopref.robots.sim import film
from robopref.types import Feedback, Query


def label_database(folder: Path, settings: object) -> str:
    """Where the labels of a run are.

    Args:
        folder: The run folder.
        settings: Of the labeler.

    Returns:
        Path or URL.
    """
    url = settings.database if isinstance(settings, LabelSettings) else None
    return url or str(folder / "labels.sqlite")


def ask_people(
    context: Context,
    settings: LabelSettings,
    queries: Sequence[Query],
    candidates: EpisodeStore,
    outcomes: Callable[[], NDArray[np.float64]],
) -> None:
    """Put questions to people until they stop; goes on where it stopped.

    Args:
        context: Of the run.
        settings: How to ask.
        queries: What to ask.
        candidates: The candidate dataset.
        outcomes: Tries the candidates out, (S, N); called only if there are attention checks.
    """
    known: list[Feedback] = []
    if settings.checks:
        queries, known = attention_checks(queries, outcomes(), settings.checks, context.seed)
    queries = with_repeats(queries, settings.repeats, context.seed)
    if settings.clips:
        _film(context, queries, candidates)
    where = label_database(context.folder, settings)
    with FeedbackStore(where) as store:
        store.add_queries(queries)
        given = {feedback.query_id for feedback in store.feedback(CHECKER)}
        store.add_all([feedback for feedback in known if feedback.query_id not in given])
        desk = Desk(
            Assignments(store, replicates=settings.replicates, lease=settings.lease),
            scenes=CandidateScenes(candidates, guide(context, candidates)),
            media=MediaFolder(context.folder / "clips") if settings.clips else None,
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
    from robopref.labelling.server import create_app, listen, serve

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
    from robopref.labelling.terminal import TerminalLabeler

    name = settings.annotator or _account()
    TerminalLabeler(desk, name, context.folder / "question.png", input, context.console.print).run()


def _account() -> str:
    try:
        name = re.sub(r"[^A-Za-z0-9_.@-]", "-", getpass.getuser())
    except (OSError, KeyError):
        name = "human"
    return name if NAME.fullmatch(name) else "human"


def guide(context: Context, candidates: EpisodeStore) -> NDArray[np.float32] | None:
    """The target shape of the task, if it has one, to be drawn beside the candidates.

    Args:
        context: Of the run.
        candidates: The candidate dataset; a shape in the plane is drawn at the height of its points.

    Returns:
        (V, 3), m.
    """
    curves = getattr(context.pool.task.env, "curves", None)
    if curves is None:
        return None
    shape = np.asarray(curves[0])
    if shape.shape[1] == 3:
        return shape.astype(np.float32)
    height = np.median(candidates.array("points", 0, 1)[0, :, 2])
    return np.column_stack([shape, np.full(len(shape), height)]).astype(np.float32)


def _film(context: Context, queries: Sequence[Query], candidates: EpisodeStore) -> None:
    """A short video of each candidate that is asked about, where there is none yet."""
    folder = context.folder / "clips"
    folder.mkdir(exist_ok=True)
    items = {MediaFolder.name(item): item for query in queries for item in query.items}
    missing = {name: item for name, item in items.items() if not (folder / f"{name}.mp4").exists()}
    snapshots, chunks = candidates.array("snapshot"), candidates.array("candidates")
    jobs = [([(snapshots[item.start], chunks[item.start, item.candidate])],) for item in missing.values()]
    with context.stage("Film the candidates", "clips", resumes=True) as bar:
        for done, (name, frames) in enumerate(zip(missing, context.pool.map(film, jobs), strict=True), 1):
            write_video(folder / f"{name}.mp4", frames)
            bar(done, len(missing))
