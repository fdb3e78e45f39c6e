"""Take pictures of every page in a browser: those of the documentation, or all of them in three sizes, to be looked at.

python docs/page_pictures.py RUN            # the documentation's, from a finished run such as runs/demo
python docs/page_pictures.py RUN OUT [...]  # all of them, or some by name, into another folder
"""

import base64
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("MUJOCO_GL", "egl")
sys.path.insert(0, str(ROOT))

from tests.cli.cell import record  # noqa: E402
from tests.web.browser import Keys, Page, chromium  # noqa: E402

SIZES = ((1280, 720), (768, 1024), (390, 844))
# Pictures of the documentation: file -> which one, and its size.
DOCS = {
    "labelling/pair.png": ("pair", SIZES[0]), "labelling/ranking.png": ("ranking", SIZES[0]),
    "labelling/similarity.png": ("similarity", SIZES[0]), "labelling/rating.png": ("rating", SIZES[0]),
    "labelling/threshold.png": ("threshold", SIZES[0]),
    "labelling/segments.png": ("segments", SIZES[0]), "labelling/video.png": ("video", SIZES[0]),
    "labelling/outcomes.png": ("outcomes", SIZES[0]),
    "labelling/keys.png": ("keys", SIZES[0]), "labelling/tablet.png": ("pair", SIZES[1]),
    "deploy.png": ("asking", SIZES[0]),
}  # fmt: skip
# A number that all candidates have, in cm.
FEATURE = (
    'label.features={way: {feature: "mean(distance(pick, place))", said: "how far the rope is carried", unit: cm, '
    "scale: 100, side: high}}"
)
HUMAN = ["labeler=human", "labeler.port=0", "labeler.open=false", "labeler.annotator=ann", "labeler.checks=0"]
Take = Callable[[str], None]


@contextmanager
def served(*words: str) -> Iterator[str]:
    """A command that serves a page; yields its address."""
    command = [sys.executable, "-m", "robopref", *words]
    environment = {**os.environ, "BROWSER": "true", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield next(found[0] for line in process.stdout if (found := re.search(r"http://\S+", line)))
    finally:
        process.kill()
        process.wait()


@contextmanager
def labelling(run: Path, kind: str, *words: str) -> Iterator[str]:
    """The page of a copy of a run."""
    with tempfile.TemporaryDirectory() as folder:
        copy = f"run={Path(folder) / 'run'}"
        with served("label", copy, f"base={run}", *HUMAN, f"label.kind={kind}", "label.budget=20", *words) as address:
            yield address


def asked(page: Page, take: Take, name: str) -> None:
    """Take a question whose panels are drawn."""
    page.wait("body[data-state=asking]")
    page.until(
        lambda: page.driver.execute_script("""
        return [...document.querySelectorAll("video")].every((video) => video.currentTime > 0.4);
    """)
    )
    if page.driver.execute_script("return document.querySelectorAll('canvas:not([hidden])').length"):
        page.drawn()
    take(name)


def questions(page: Page, run: Path, take: Take, names: set[str]) -> None:
    """Every kind of question, the keys, a panel alone and the end."""
    for kind in ("pair", "ranking", "similarity", "rating"):
        if not names & ({kind, "enlarged", "keys", "finished"} if kind == "pair" else {kind}):
            continue
        budget = ("label.budget=1",) if kind == "pair" else ()
        with labelling(run, kind, *budget) as address:
            page.open(address)
            if kind == "ranking":
                page.press("3", "=", "1", "5")
            asked(page, take, kind)
            if kind == "pair":
                page.press("e")
                page.wait("#panels.single")
                asked(page, take, "enlarged")
                page.press("e", "e")
                page.wait("#panels:not(.single)")
                page.press("?")
                page.wait("#keys[open]")
                take("keys")
                page.click("#keys-close")
                page.wait("#keys:not([open])")
                page.press(Keys.LEFT)
                page.wait("body[data-state=finished]")
                take("finished")


def about_features(page: Page, run: Path, take: Take, names: set[str]) -> None:
    """Whether something matters, and a limit that lies between two examples."""
    for kind in sorted(names & {"feature", "threshold"}):
        with labelling(run, kind, FEATURE) as address:
            page.open(address)
            if kind == "threshold":
                page.press("2", *[Keys.RIGHT] * 2)
            asked(page, take, kind)


def other_questions(page: Page, run: Path, take: Take, names: set[str]) -> None:
    """Videos, segments, and the way in."""
    if "video" in names:
        with labelling(run, "pair", "label.budget=2", "labeler.clips=true", "workers=0") as address:
            page.open(address)
            asked(page, take, "video")
    if "outcomes" in names:
        with labelling(run, "pair", "label.show=outcome") as address:
            page.open(address)
            asked(page, take, "outcomes")
    if "segments" in names:
        with labelling(run, "pair", "label.about=segments") as address:
            page.open(address)
            asked(page, take, "segments")
    if "login" in names:
        with labelling(run, "pair", "labeler.annotators=[ann,bob]") as address:
            page.driver.get(address.split("#")[0])
            page.wait("body[data-state=login]")
            take("login")


def deployed(page: Page, run: Path, take: Take, names: set[str]) -> None:
    """A run that asks, runs and is halted."""
    if not names & {"asking", "running", "halted", "ended"}:
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(run, Path(folder) / "run"))
        words = ["deploy.view=browser", "deploy.page.port=0", "deploy.page.open=false", "deploy.pace.ask=true"]
        with served("deploy", f"run={copy}", "deploy.operator=ann", "deploy.seconds=600", *words) as address:
            page.driver.get(address)
            page.wait("body[data-state=running][data-asking=true]")
            page.drawn()
            take("asking")
            page.press("y")
            page.wait("body[data-state=running][data-asking=true]")
            take("running")
            page.press(" ")
            page.wait("body[data-state=halted][data-recovery=true]")
            take("halted")


def looked_at(page: Page, run: Path, take: Take, names: set[str]) -> None:
    """Cameras and reports."""
    with tempfile.TemporaryDirectory() as folder:
        if "cameras" in names:
            record(Path(folder))
            files = [str(Path(folder) / f"{name}.json") for name in ("front", "side")]
            with served("cameras", *files, "view=browser", "page.port=0") as address:
                page.driver.get(address)
                page.wait("body[data-shown=refined] #scene[data-state=drawn]")
                take("cameras")
        data = Path(folder) / "data.html"
        for name, file, words in (
            ("report", run / "report.html", ()),
            ("data quality", data, ("data", "quality", str(run / "demos.zarr"), f"report={data}")),
            ("label quality", run / "labels.html", ("labels", "quality", f"run={run}")),
        ):
            if name in names:
                if words:
                    subprocess.run([sys.executable, "-m", "robopref", *words], cwd=ROOT, check=True)
                page.driver.get(file.as_uri())
                take(name)


NAMES = {
    "pair", "ranking", "similarity", "rating", "feature", "threshold", "enlarged", "keys", "finished",
    "video", "outcomes", "segments", "login", "asking", "running", "halted", "cameras", "report",
    "data quality", "label quality",
}  # fmt: skip


def main(run: Path, out: Path | None, names: set[str]) -> None:
    """Take the pictures; those of pages that are longer than the window show the whole page."""
    with tempfile.TemporaryDirectory() as profile, chromium(Path(profile)) as page:

        def take(name: str) -> None:
            if name not in names:
                return
            for width, height in SIZES:
                size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
                page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
                if page.driver.execute_script("return document.querySelectorAll('canvas:not([hidden])').length"):
                    page.drawn()
                files = [ROOT / "docs" / file for file, what in DOCS.items() if what == (name, (width, height))]
                if out is not None:
                    files = [out / f"{name.replace(' ', '_')}-{width}x{height}.png"]
                for file in files:
                    taken = page.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
                    file.write_bytes(base64.b64decode(taken["data"]))
                    with Image.open(file) as picture:
                        picture.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(file, optimize=True)
                    print(f"{file}: {file.stat().st_size / 1024:.0f} kB", flush=True)
            size = dict(zip(("width", "height"), SIZES[0], strict=True)) | {"deviceScaleFactor": 1, "mobile": False}
            page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

        for part in (questions, about_features, other_questions, deployed, looked_at):
            part(page, run.resolve(), take, names)


if __name__ == "__main__":
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    if target is not None:
        target.mkdir(parents=True, exist_ok=True)
    wanted = set(sys.argv[3:]) or (NAMES if target is not None else {name for name, _ in DOCS.values()})
    main(Path(sys.argv[1]), target, wanted)
