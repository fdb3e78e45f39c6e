"""Label Studio's own server: questions go out, people answer there, and their answers come in."""

import dataclasses
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from robopref.__main__ import main
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.records import Abstain, Feedback, Preference, Query
from tests.data.label_formats.records import pair
from tests.interop.label_studio_page import LabellingPage
from tests.interop.label_studio_server import OWNER, Person, label_studio
from tests.web.browser import chromium

ASKED = "Straighten <b>the rope</b>."
QUERIES = [
    dataclasses.replace(pair(number, 10 * number, 100 + 10 * number), instruction=ASKED if number % 2 else "")
    for number in range(5)
]
# The configuration that the page recommends.
(CONFIGURATION,) = re.findall(
    r"```xml\n(.*?)```", (Path(__file__).parents[2] / "docs/formats.md").read_text(encoding="utf-8"), re.DOTALL
)
CHOICES = """
<View>
  <Text name="left" value="$left"/><Text name="right" value="$right"/>
  <Choices name="preference" toName="left"><Choice value="left"/><Choice value="right"/><Choice value="tie"/></Choices>
  <TextArea name="why" toName="left"/>
</View>
"""


@pytest.fixture(scope="module")
def server(peer, tmp_path_factory) -> Iterator[str]:
    with label_studio(peer("label_studio").python, tmp_path_factory.mktemp("label_studio")) as address:
        yield address


@pytest.fixture(scope="module")
def ann(server) -> Person:
    person = Person(server, OWNER)
    person.log_in()
    return person


@pytest.fixture(scope="module")
def bob(server, ann) -> Person:
    person = Person(server, "bob@example.com")
    person.sign_up(ann.ask("GET", "/api/invite")["invite_url"])
    return person


@pytest.fixture(scope="module")
def page(server, tmp_path_factory) -> Iterator[LabellingPage]:
    """In a browser in which Ann is logged in."""
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        at = LabellingPage(page, server)
        at.log_in(OWNER)
        yield at


class Project:
    """A project of the server, and the run folder that it exchanges labels with."""

    def __init__(
        self, owner: Person, folder: Path, feedback: list[Feedback], configuration: str = CONFIGURATION
    ) -> None:
        self.owner, self.run, self.file = owner, folder / "run", folder / "tasks.json"
        self.run.mkdir()
        with self.labels() as store:
            store.join(QUERIES, feedback)
        words = [] if feedback else ["answers=false"]
        assert main(["labels", "export", f"run={self.run}", f"path={self.file}", "format=label-studio", *words]) == 0
        made = owner.ask("POST", "/api/projects", {"title": folder.name[:50], "label_config": configuration})
        self.number = made["id"]
        self.path = f"/api/projects/{self.number}"
        assert owner.upload(f"{self.path}/import", self.file)["task_count"] == len(QUERIES)
        listed = owner.ask("GET", f"/api/tasks?project={self.number}&page_size=100&fields=all")["tasks"]
        self.tasks: dict[str, dict[str, Any]] = {task["data"]["query"]["id"]: task for task in listed}

    def labels(self) -> FeedbackStore:
        return FeedbackStore(self.run / "labels.sqlite")

    def fetch(self, capsys) -> str:
        """Export there and import here; what the import says."""
        path = self.run.parent / "export.json"
        path.write_bytes(self.owner.send("GET", f"{self.path}/export?exportType=JSON"))
        return self.read(path, capsys)

    def read(self, path: Path, capsys) -> str:
        capsys.readouterr()
        assert main(["labels", "import", f"run={self.run}", f"path={path}", "format=label-studio"]) == 0
        return capsys.readouterr().out

    def answer(self, person: Person, query: Query, *result: dict[str, Any], **told: object) -> dict[str, Any]:
        """Submit an annotation, as the page does."""
        body = {"result": list(result), "was_cancelled": False, "lead_time": 4.25, "ground_truth": False, **told}
        return person.ask("POST", f"/api/tasks/{self.tasks[query.id]['id']}/annotations", body)


def selected(side: str) -> dict[str, Any]:
    return {
        "id": side, "from_name": "preference", "to_name": "preference", "type": "pairwise", "value": {"selected": side},
    }  # fmt: skip


def test_what_people_answer_there_arrives_here(ann, bob, tmp_path, capsys):
    project, begun = Project(ann, tmp_path, []), time.time()
    project.answer(ann, QUERIES[0], selected("left"))
    project.answer(bob, QUERIES[0], selected("right"), lead_time=1.5)
    project.answer(bob, QUERIES[1], selected("right"))
    project.answer(ann, QUERIES[2], was_cancelled=True)
    project.answer(ann, QUERIES[3])
    names = {str(person.ask("GET", "/api/current-user/whoami")["id"]): person for person in (ann, bob)}
    assert "added 0 queries and 5 answers" in project.fetch(capsys)
    with project.labels() as store:
        assert store.queries() == QUERIES
        given = store.feedback()
    said = [(one.query_id, one.answer, names[one.labeler].name, one.seconds) for one in given]
    assert sorted(said, key=str) == sorted([
        (QUERIES[0].id, Preference(1), ann.name, 4.25),
        (QUERIES[0].id, Preference(0), bob.name, 1.5),
        (QUERIES[1].id, Preference(0), bob.name, 4.25),
        (QUERIES[2].id, Abstain("skipped"), ann.name, 4.25),
        (QUERIES[3].id, Abstain("nothing selected"), ann.name, 4.25),
    ], key=str)  # fmt: skip
    assert all(begun - 1 <= one.time <= time.time() + 1 and one.order == (0, 1) for one in given)
    assert "added 0 queries and 0 answers" in project.fetch(capsys)


def test_an_answer_that_was_changed_there_takes_the_place_of_the_earlier_one(ann, tmp_path, capsys):
    project = Project(ann, tmp_path, [])
    first = project.answer(ann, QUERIES[0], selected("left"))
    project.fetch(capsys)
    ann.ask("PATCH", f"/api/annotations/{first['id']}", {"result": [selected("right")], "lead_time": 6})
    assert "added 0 queries and 1 answers" in project.fetch(capsys)
    with project.labels() as store:
        assert [(one.answer, one.seconds) for one in store.feedback()] == [(Preference(0), 6)]
        assert [one.answer for one in store.retracted()] == [Preference(1)]


def test_answers_that_went_there_come_back_as_they_were(ann, tmp_path, capsys):
    noon = 1773057600.5
    given = [
        Feedback(
            QUERIES[0].id, Preference(1), "cyd", confidence=0.5, time=noon, rationale="so", order=(1, 0), seconds=2
        ),
        Feedback(QUERIES[0].id, Preference(0), "teacher", "v2"),
        Feedback(QUERIES[1].id, Abstain("bad episode"), "dan", time=noon),
    ]
    project = Project(ann, tmp_path, given)
    assert "added 0 queries and 0 answers" in project.fetch(capsys)
    mended = project.tasks[QUERIES[0].id]["annotations"][0]
    assert mended["result"][0]["value"]["selected"] == "left"
    ann.ask("PATCH", f"/api/annotations/{mended['id']}", {"result": [selected("right")]})
    assert "added 0 queries and 1 answers" in project.fetch(capsys)
    with project.labels() as store:
        assert store.retracted() == given[:1]
        assert store.feedback()[:2] == given[1:]
        assert store.feedback()[2].answer == Preference(0)


def test_what_is_clicked_on_its_pages_arrives_here(ann, page, tmp_path, capsys):
    project = Project(ann, tmp_path, [])
    page.label(project.number)
    for query, side in zip(QUERIES, ("left", "right", "", None), strict=False):
        page.shows(project.tasks[query.id]["data"])
        if side is None:
            page.skip()
        else:
            page.submit(side)
    page.shows(project.tasks[QUERIES[4].id]["data"])
    assert "added 0 queries and 4 answers" in project.fetch(capsys)
    with project.labels() as store:
        given = {one.query_id: one for one in store.feedback()}
    assert [given[query.id].answer for query in QUERIES[:4]] == [
        Preference(1), Preference(0), Abstain("nothing selected"), Abstain("skipped"),
    ]  # fmt: skip
    assert all(0 < one.seconds < 100 for one in given.values())


def test_its_pages_show_answers_that_went_there_and_change_them(ann, page, tmp_path, capsys):
    given = [Feedback(query.id, Preference(p), "cyd") for query, p in zip(QUERIES, (1, 0), strict=False)]
    project = Project(ann, tmp_path, given)
    for query, side in zip(QUERIES, ("left", "right", ""), strict=False):
        page.open(project.number, project.tasks[query.id]["id"])
        page.shows(project.tasks[query.id]["data"], side)
    page.open(project.number, project.tasks[QUERIES[0].id]["id"])
    page.shows(project.tasks[QUERIES[0].id]["data"], "left")
    page.update("right")
    assert "added 0 queries and 1 answers" in project.fetch(capsys)
    with project.labels() as store:
        assert store.retracted() == given[:1]
        assert [(one.query_id, one.answer) for one in store.feedback()] == [
            (QUERIES[1].id, Preference(0)), (QUERIES[0].id, Preference(0)),
        ]  # fmt: skip


def test_choices_tell_ties_and_comments_why(ann, tmp_path, capsys):
    project = Project(ann, tmp_path, [], CHOICES)
    told = {"from_name": "preference", "to_name": "left", "type": "choices"}
    why = {"from_name": "why", "to_name": "left", "type": "textarea", "value": {"text": ["equally slow"]}}
    project.answer(ann, QUERIES[0], {**told, "value": {"choices": ["tie"]}}, why)
    project.answer(ann, QUERIES[1], {**told, "value": {"choices": ["right"]}})
    project.fetch(capsys)
    with project.labels() as store:
        said = {one.query_id: (one.answer, one.rationale) for one in store.feedback()}
    assert said == {QUERIES[0].id: (Preference(0.5), "equally slow"), QUERIES[1].id: (Preference(0), "")}


def test_a_snapshot_names_people_by_their_addresses(ann, bob, tmp_path, capsys):
    project = Project(ann, tmp_path, [])
    for person, side in ((ann, "left"), (bob, "right")):
        project.answer(person, QUERIES[0], selected(side))
    project.fetch(capsys)
    options = {"serialization_options": {"annotations__completed_by": {"only_id": False}}}
    made = ann.ask("POST", f"{project.path}/exports", {"title": "all", **options})
    path = tmp_path / "snapshot.json"
    path.write_bytes(ann.send("GET", f"{project.path}/exports/{made['id']}/download?exportType=JSON"))
    assert {type(one["completed_by"]) for one in json.loads(path.read_text())[0]["annotations"]} == {dict}
    project.read(path, capsys)
    with project.labels() as store:
        assert {one.labeler: one.answer for one in store.feedback()} == {
            ann.name: Preference(1), bob.name: Preference(0),
        }  # fmt: skip
    assert "added 0 queries and 0 answers" in project.fetch(capsys)
