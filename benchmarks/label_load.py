"""Fifty simulated annotators for a minute on one labelling server, on SQLite and on PostgreSQL.

Each asks for a question, thinks for three seconds on average, answers, and now and then takes an answer back or sends
one twice, as after a lost acknowledgement. Everything stays on this machine; PostgreSQL comes from Debian's package.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.records import Record, write
from robopref.data.labels.assignments import Assignments
from robopref.data.labels.feedback_store import FeedbackStore
from robopref.labelers.people.desk import Desk
from robopref.labelers.people.label_server import create_app
from robopref.records import Item, Query
from robopref.web.access import Access
from robopref.web.serving import listen, serve
from tests.postgres import postgres_server

PEOPLE, SECONDS, THINKING = 50, 60.0, 3.0
QUERIES = 20_000
TARGET = 0.1  # seconds


@dataclass
class Seen:
    """What one annotator saw.

    Attributes:
        latencies: Seconds a request, by what was asked.
        standing: Query by acknowledged answer that was not taken back.
        retracted: Answers taken back.
        repeated: Answers sent twice.
        failures: Replies other than 200.
    """

    latencies: dict[str, list[float]] = field(default_factory=dict)
    standing: dict[str, str] = field(default_factory=dict)
    retracted: int = 0
    repeated: int = 0
    failures: list[str] = field(default_factory=list)


def main() -> None:
    """Measure both databases and write the result."""
    if len(sys.argv) > 1:
        serve_alone()
        return
    records: list[Record] = []
    with tempfile.TemporaryDirectory() as folder:
        records += measure("SQLite", f"sqlite:///{folder}/labels.sqlite", Path(folder))
    with postgres_server() as url, tempfile.TemporaryDirectory() as folder:
        records += measure("PostgreSQL", url, Path(folder))
    for record in records:
        print(f"{record.value:8.2f} {record.unit}, target {record.target or 'none'}: {record.claim}")
    print(f"result: {write('label_load', records)}")


def serve_alone() -> None:
    """The server, as a program of its own."""
    parser = argparse.ArgumentParser()
    parser.add_argument("database")
    parser.add_argument("tokens", type=Path)
    parser.add_argument("port", type=int)
    arguments = parser.parse_args()
    desk = Desk(Assignments(FeedbackStore(arguments.database)))
    serve(create_app(desk, Access.from_file(arguments.tokens), hosts=None), listen("127.0.0.1", arguments.port))


def measure(name: str, database: str, folder: Path) -> list[Record]:
    """Put load on a server over one database, then compare what was acknowledged with what is stored."""
    with FeedbackStore(database) as store:
        items = (Item("load", 0, 1, 0), Item("load", 0, 1, 1))
        store.add_queries(Query(f"q{number}", "pair", items, "Which is better?") for number in range(QUERIES))
    tokens = {f"person-{number}": f"token-of-person-{number}" for number in range(PEOPLE)}
    (folder / "tokens.json").write_text(json.dumps(tokens))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "benchmarks.label_load", database, str(folder / "tokens.json"), str(port)]
    server = subprocess.Popen(words)
    used = 0.0
    try:
        wait_for(port)
        used = -processor_seconds(server.pid)
        seen = [Seen() for _ in tokens]
        until = time.monotonic() + SECONDS
        threads = [
            threading.Thread(target=annotate, args=(port, token, until, seen[number], number))
            for number, token in enumerate(tokens.values())
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        used += processor_seconds(server.pid)
        server.terminate()
        server.wait()
    return compare(name, database, tokens, seen, used)


def processor_seconds(process: int) -> float:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for(port: int) -> None:
    """Wait until the server takes connections, a minute at most."""
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the server does not start")


def annotate(port: int, token: str, until: float, seen: Seen, seed: int) -> None:
    """One annotator: ask, think, answer, over one connection."""
    rng = random.Random(seed)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}

    def ask(what: str, body: dict) -> dict:
        began = time.monotonic()
        for attempt in range(3):
            try:
                connection.request("POST", f"/api/{what}", json.dumps(body), headers)
                reply = connection.getresponse()
                content = reply.read()
                break
            except (ConnectionError, http.client.HTTPException):  # the server closes idle connections; pages try again
                connection.close()
                if attempt == 2:
                    raise
        seen.latencies.setdefault(what, []).append(time.monotonic() - began)
        if reply.status != 200:
            seen.failures.append(f"{what}: {reply.status} {content[:80]!r}")
            return {}
        return json.loads(content)

    time.sleep(rng.uniform(0, THINKING))
    state = ask("next", {})
    while time.monotonic() < until and state and state["question"]:
        time.sleep(rng.uniform(0.5, 1.5) * THINKING)
        question = state["question"]
        name = f"{rng.getrandbits(64):016x}"
        answer = {"type": "preference", "p": rng.choice([0, 0.25, 0.5, 0.75, 1])}
        body = {"answer_id": name, "query_id": question["id"], "order": question["order"], "answer": answer}
        state = ask("answer", body)
        if state:
            seen.standing[name] = question["id"]
        if rng.random() < 0.05:
            seen.repeated += 1
            state = ask("answer", body)
        if rng.random() < 0.05 and state and state["undo"] == name:
            state = ask("undo", {"answer_id": name})
            if state:
                del seen.standing[name]
                seen.retracted += 1
    connection.close()


def compare(name: str, database: str, tokens: dict[str, str], seen: list[Seen], used: float) -> list[Record]:
    """Lost, doubled and slow answers, and what they cost the server of its `used` seconds of processor time."""
    failures = [failure for person in seen for failure in person.failures]
    print(f"{name}: {len(failures)} failed requests {failures[:3]}")
    with FeedbackStore(database) as store:
        found, retracted = store.feedback(), store.retracted()
    acknowledged = Counter(
        (person, query) for person, own in zip(tokens, seen, strict=True) for query in own.standing.values()
    )
    stored = Counter((given.labeler, given.query_id) for given in found)
    lost, doubled = sum((acknowledged - stored).values()), sum((stored - acknowledged).values())
    by_query = Counter(given.query_id for given in found)
    crowded = sum(count - 1 for count in by_query.values())
    unretracted = abs(sum(person.retracted for person in seen) - len(retracted))
    times = np.concatenate([own for person in seen for own in person.latencies.values()])
    low, p95, high = spread(times)
    total = len(found)
    load = f"load of the machine {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"
    scale = f"{PEOPLE} people, {SECONDS:.0f} s, {total} answers, {len(times)} requests, {load}"
    wrong = lost + doubled + crowded + unretracted + len(failures)
    return [
        Record(
            f"{name}: answers lost, doubled or refused, or given by two people where one was wanted ({scale})",
            float(wrong), float(wrong), float(wrong), "0", wrong == 0, "answers", total,
        ),
        Record(
            f"{name}: 95th percentile of the time of a request ({scale})",
            p95, low, high, f"< {1000 * TARGET:.0f} ms", p95 < 1000 * TARGET, "ms", len(times),
        ),
        Record(
            f"{name}: processor time of the server a request",
            1000 * used / len(times), 1000 * used / len(times), 1000 * used / len(times), "", None, "ms", len(times),
        ),
        Record(f"{name}: answers a second", total / SECONDS, total / SECONDS, total / SECONDS, "", None, "1/s", total),
    ]  # fmt: skip


def spread(times: np.ndarray) -> tuple[float, float, float]:
    """Low, value and high of the 95th percentile in ms: it, and a bootstrap of it over requests."""
    rng = np.random.default_rng(0)
    rounds = [np.quantile(rng.choice(times, len(times)), 0.95) for _ in range(200)]
    low, high = np.quantile(rounds, [0.025, 0.975])
    return 1000 * float(low), 1000 * float(np.quantile(times, 0.95)), 1000 * float(high)


if __name__ == "__main__":
    main()
