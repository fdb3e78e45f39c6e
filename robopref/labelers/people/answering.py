"""People answer, in a browser or in the terminal, until they stop."""

from __future__ import annotations

import getpass
import webbrowser
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from robopref.data.containment import dataset_of
from robopref.data.episodes.recorded_views import named_otherwise
from robopref.data.episodes.store import EpisodeStore
from robopref.data.labels.assignments import Assignments
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.errors import ConfigError
from robopref.labelers.people.desk import Desk
from robopref.labelers.people.films import film_items
from robopref.labelers.people.label_settings import LabelSettings
from robopref.labelers.people.media import MediaFolder
from robopref.labelers.people.questions import attention_checks, with_repeats
from robopref.labelers.people.scenes import Scenes
from robopref.labelers.subject import Session, Subject
from robopref.records import Feedback, Item, Query
from robopref.web.access import Access, usable_name
from robopref.web.request_guard import LOOPBACK


class People:
    """Puts questions to people; they answer later, one by one.

    Args:
        settings: How to ask.
        subject: What the questions are about.

    Raises:
        ConfigError: There is nothing to show, or attention checks or films are wanted of items that are no candidates.
    """

    def __init__(self, settings: LabelSettings, subject: Subject) -> None:
        self.settings, self.subject = settings, subject
        self._camera = subject.outcomes is None and "image" in subject.dataset.keys and subject.after is None
        if not self._camera and "points" not in subject.dataset.keys:
            raise ConfigError(
                f"{subject.dataset.path} has neither points nor image, so there is nothing to show"
                f"{named_otherwise(subject.dataset)}"
            )
        if (settings.checks and subject.outcomes is None) or (settings.clips and subject.films is None):
            raise ConfigError(
                "labeler.checks and labeler.clips try candidates out; leave them for label.about=segments"
            )

    def run(self, store: FeedbackStore, choose: Callable[[int], Sequence[Query]], session: Session) -> None:
        """Put questions until the people stop; goes on where it stopped.

        Args:
            store: Where questions and answers go.
            choose: What to ask next, given how many questions nobody has looked at.
            session: Who is told how it goes.

        Raises:
            DataError: There are too few states for attention checks, or the database cannot be used.
        """
        assignments = Assignments(store, replicates=self.settings.replicates, lease=self.settings.lease)
        queries, known = self._with_checks(store, choose(assignments.untouched()))
        store.add_queries(with_repeats(queries, self.settings.repeats, self.subject.seed), known)
        items = dict.fromkeys(item for query in store.queries() for item in query.items)
        clips = self.subject.folder / "clips"
        if self.settings.clips or self._camera:
            film_items(clips, self.subject, items, session, camera=self._camera)
        desk = Desk(
            assignments, scenes=self._scenes(items), media=MediaFolder(clips) if clips.exists() else None,
            levels=self.settings.levels,
        )  # fmt: skip
        try:
            if self.settings.terminal:
                self._in_terminal(desk, session)
            else:
                self._in_browser(desk, session)
        except KeyboardInterrupt:
            session.say("")
        progress = desk.assignments.progress()
        session.say(f"{progress.done} of {progress.wanted} answers: {store.database.where}")

    def _with_checks(self, store: FeedbackStore, queries: Sequence[Query]) -> tuple[Sequence[Query], list[Feedback]]:
        if not (self.settings.checks and queries and self.subject.outcomes):
            return queries, []
        used = [query.id for query in store.queries()]
        return attention_checks(
            queries, self.subject.outcomes(), self.settings.checks, self.subject.seed, used=used
        )  # fmt: skip

    def _scenes(self, items: Iterable[Item]) -> dict[str, Scenes]:
        subject = self.subject
        found = {item.source: dataset_of(subject.folder, item.source) for item in items}
        datasets = {source: path for source, path in found.items() if path is not None}
        datasets[subject.source] = subject.dataset.path
        stores = {source: EpisodeStore.open(path) for source, path in datasets.items() if path.exists()}
        return {
            source: Scenes(found, subject.outline(found), subject.after if source == subject.source else None)
            for source, found in stores.items()
            if "points" in found.keys
        }

    def _in_browser(self, desk: Desk, session: Session) -> None:
        from robopref.labelers.people.label_server import create_app
        from robopref.web.serving import listen, serve

        settings = self.settings
        open_to_all = settings.host not in LOOPBACK
        access = self._access(session)
        bound = listen(settings.host, settings.port)
        session.share()  # others may ask meanwhile, or serve the same questions
        port = bound.getsockname()[1]
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        address = f"http://{host}:{port}/"
        session.say(f"Label at {address} and press Ctrl-C here when you have done enough")
        if open_to_all:
            session.say("Tokens travel unencrypted over http: use a network you trust, an SSH tunnel or a TLS proxy")
        if settings.open and not open_to_all:
            webbrowser.open(address)
        # With tokens the server may go by any name, such as that of a proxy.
        serve(create_app(desk, access, LOOPBACK if access.name else None), bound)

    def _access(self, session: Session) -> Access:
        settings, folder = self.settings, self.subject.folder
        if settings.tokens:
            return Access.from_file(Path(settings.tokens))
        if not settings.annotators:
            return Access.alone(settings.annotator or _account())
        access, new = Access.generated(settings.annotators, folder / "annotators.json")
        for name, token in new.items():
            session.say(f"token of {name}, shown this once: {token}")
        if not new:
            session.say(f"tokens as before; remove {folder / 'annotators.json'} to make new ones")
        return access

    def _in_terminal(self, desk: Desk, session: Session) -> None:
        from robopref.labelers.people.terminal import TerminalLabeler

        name = self.settings.annotator or _account()
        TerminalLabeler(desk, name, self.subject.folder / "question.png", input, session.say).run()


def _account() -> str:
    try:
        return usable_name(getpass.getuser(), "human")
    except (OSError, KeyError):
        return "human"
