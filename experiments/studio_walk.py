"""A walk through `genzoo studio` in a headless Chromium: every main path is gone and seen, by pointer and keys.

    python -m experiments.studio_walk --out walk

It fails where the console complains, a request fails or leaves this machine, a control has no label, or a page is
wider than the screen. What it saw lies in the folder as pictures; those of the documentation go there with --docs.
"""

import argparse
import contextlib
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops

from experiments.browser import Browser, Page
from genzoo import read, train
from genzoo.apps.serve import listening
from genzoo.apps.studio import Studio

DOCS = Path(__file__).resolve().parents[1] / "docs" / "images"
SHOWN = ("sample", "training", "phone-sample", "board")  # in the documentation
UNLABELED = """[...document.querySelectorAll("input, select, textarea")].filter((each) => each.checkVisibility()
  && !each.labels?.length && !each.getAttribute("aria-label")).map((each) => each.outerHTML)"""
KEPT = """(() => {
  const make = URL.createObjectURL;
  URL.createObjectURL = (blob) => { window.kept = blob; return make(blob); };
})()"""
DROPPED = """(() => {
  const files = new DataTransfer();
  files.items.add(new File(["x,y\\n0.5,0.25\\n-3,9\\n"], "points.csv", { type: "text/csv" }));
  const drop = new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true });
  document.querySelector(".drop").dispatchEvent(drop);
})()"""
LOOSE = """(async () => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 8, height: 8 });
  canvas.getContext("2d").fillRect(0, 0, 8, 8);
  const files = new DataTransfer(), picture = await new Promise((done) => canvas.toBlob(done));
  files.items.add(new File([picture], "black.png", { type: "image/png" }));
  const drop = new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true });
  document.querySelector(".drop").dispatchEvent(drop);
})()"""
BROUGHT = """(async () => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 32, height: 32 });
  const pen = canvas.getContext("2d");
  pen.fillRect(0, 0, 32, 32);
  pen.fillStyle = "red";
  pen.fillRect(8, 8, 12, 12);
  const files = new DataTransfer(), picture = await new Promise((done) => canvas.toBlob(done));
  files.items.add(new File([picture], "picture.png", { type: "image/png" }));
  const input = document.querySelector("input[type=file]");
  input.files = files.files;
  input.dispatchEvent(new Event("change"));
})()"""
HELD = """(() => {
  const ask = window.fetch;
  window.held = { path: null, aborted: false, go: () => {} };
  window.fetch = (path, options) => path !== window.held.path ? ask(path, options) : new Promise((done, fail) => {
    options.signal.addEventListener("abort", () => { window.held.aborted = true; fail(options.signal.reason); });
    window.held.go = () => { window.held.path = null; done(ask(path, options)); };
  });
})()"""  # a request that waits until it is let go
PROSE = """(() => {
  const files = new DataTransfer();
  files.items.add(new File(["the sea is in the sky and the night is in the sea, ".repeat(2)], "few.txt"));
  const drop = new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true });
  document.querySelector(".drop").dispatchEvent(drop);
})()"""
INK = """(() => {
  const canvas = document.querySelector("canvas");
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const red = (at) => pixels[at] > pixels[at + 2] + 60;
  return Array.from({ length: pixels.length / 4 }, (_, i) => 4 * i).filter(red).length;
})()"""  # pixels that are wiped out
DISABLED = "[...document.querySelectorAll('button')].find((each) => each.textContent === 'Draw anew').disabled"
RESULTS = "document.querySelectorAll('.found .picture').length"


class Walk:
    """One walk, on one kind of screen.

    Args:
        page: The page.
        out: Where pictures go.
        name: What they are called after.
    """

    def __init__(self, page: Page, out: Path, name: str) -> None:
        self.page, self.out, self.name = page, out, name
        self.seen: list[str] = []

    def look(self, what: str) -> None:
        """Looks at what is there: nothing may be wrong with it."""
        time.sleep(0.3)
        wide = self.page.run("document.documentElement.scrollWidth - innerWidth")
        wrong = self.page.complaints() + [f"no label: {each}" for each in self.page.run(UNLABELED)]
        wrong += [f"{wide} pixels too wide"] if wide > 0 else []
        if wrong:
            raise SystemExit(f"{self.name} {what}: {'; '.join(wrong)}")
        self.page.shoot(self.out / f"{self.name}-{what}.png")
        self.seen.append(what)
        print(f"{self.name}: {what}", flush=True)

    def all(self) -> None:
        """Every main path."""
        self.page.wait("document.querySelector('h1')")
        self.page.run(HELD)
        for path in (self.runs, self.leave, self.sample, self.neighbors, self.latent, self.score, self.inpaint,
                     self.write, self.caption, self.table, self.hear, self.check, self.mistakes, self.train,
                     self.board):  # fmt: skip
            path()

    def runs(self) -> None:
        self.page.wait("document.querySelectorAll('tbody tr').length > 3")
        self.look("runs")

    def leave(self) -> None:
        """What a view has asked for ends with it."""
        page = self.page
        page.run("window.held.path = '/studio/near'")
        page.go("#/run/digits/neighbors")
        page.wait("document.querySelector('.status') && [...document.querySelectorAll('.status')].some((each) => "
                  "each.textContent === 'Working …')")  # fmt: skip
        page.go("#/")
        page.wait("window.held.aborted")
        page.run("window.held.path = null")

    def sample(self) -> None:
        page = self.page
        page.go("#/run/digits/sample")
        page.wait(f"{RESULTS} === 16")
        page.write("label", "=7")
        page.write("How many", "24")
        page.wait(f"{RESULTS} === 24")
        page.wait("document.querySelector('.command').textContent.endsWith('--given label=7')")
        self.look("sample")
        page.run(KEPT)
        page.click("Download")
        page.wait("window.kept?.size > 100")

    def neighbors(self) -> None:
        self.page.go("#/run/digits/neighbors")
        self.page.wait(f"{RESULTS} === 25")
        self.look("neighbors")
        self.page.go("#/run/people/neighbors")
        self.page.wait("document.querySelectorAll('.found section').length === 5")
        if "–" in self.page.run("document.querySelector('.found').textContent.match(/Nearest.*?away/)[0]"):
            raise SystemExit("neighbors must be at some distance, missing cells or not")
        self.look("neighbors-table")

    def latent(self) -> None:
        self.page.go("#/run/digits/latent")
        self.page.wait("document.querySelectorAll('.picture').length === 18")
        self.look("latent")

    def score(self) -> None:
        self.page.go("#/run/digits/score")
        self.page.wait("document.querySelector('.drop')")
        self.page.click("Score")
        self.page.wait("document.querySelectorAll('.bar').length")
        self.look("score")
        self.page.write("label", "=3")
        self.page.run(LOOSE)
        self.page.wait("document.querySelector('caption')?.textContent.endsWith('given label = 3')")
        self.look("score-loose")
        self.page.go("#/run/moons/score")
        self.page.wait("document.querySelector('h1').textContent === 'moons' && document.querySelector('.drop')")
        self.page.run(DROPPED)
        self.page.wait("document.querySelectorAll('tbody tr').length === 2")
        self.look("dropped")
        self.page.go("#/run/verse/score")
        self.page.wait("document.querySelector('h1').textContent === 'verse' && document.querySelector('.drop')")
        self.page.run(PROSE)
        self.page.wait("document.querySelectorAll('tbody tr').length === 1")
        self.look("dropped-text")

    def inpaint(self) -> None:
        """With the pointer where there is one, else by keys."""
        page = self.page
        page.run("window.held.path = '/studio/samples'")
        page.go("#/run/digits/brush")
        page.wait("document.querySelector('canvas')")
        if not page.run(DISABLED):
            raise SystemExit("nothing is to be drawn anew before there is a picture")
        if self.name.startswith("phone"):
            page.run("document.querySelector('canvas').focus()")
            for _ in range(3):
                page.press("ArrowRight", 39)
                page.press(" ", 32)
        else:
            x, y, side = page.run(
                "(({ x, y, width }) => [x, y, width])(document.querySelector('canvas').getBoundingClientRect())"
            )
            page.drag(*((x + side * across, y + side * 0.7) for across in (0.1, 0.9)))
        strokes = page.run(INK)
        page.run("window.held.go()")
        page.wait(f"!{DISABLED}")
        if strokes < (2 if self.name.startswith("phone") else 6) or page.run(INK) < strokes:
            raise SystemExit(f"strokes must stand in one piece, and stay when the picture comes, got {strokes}")
        page.click("Draw anew")
        page.wait(f"{RESULTS} === 4", 120)
        self.look("inpaint")

    def write(self) -> None:
        self.page.go("#/run/verse/write")
        self.page.wait("document.querySelector('textarea')")
        self.page.write("Beginning", "the ")
        self.page.click("Write")
        self.page.wait("[...document.querySelectorAll('.status')].some((each) => each.textContent === 'Done.')")
        if not self.page.run("document.querySelector('.texts pre').textContent.startsWith('the ')"):
            raise SystemExit("a text must go on from its beginning")
        self.look("write")

    def caption(self) -> None:
        """A text for a picture that is brought."""
        self.page.go("#/run/captions/write")
        self.page.wait(
            "document.querySelector('h1').textContent === 'captions' && document.querySelector('input[type=file]')"
        )
        self.page.run(BROUGHT)
        self.page.wait("document.querySelector('input[type=file]').files.length")
        self.page.click("Write")
        self.page.wait("[...document.querySelectorAll('.status')].some((each) => each.textContent === 'Done.')")
        self.look("caption")

    def table(self) -> None:
        page = self.page
        page.go("#/run/moons/ask")
        page.wait("document.querySelector('.card')")
        page.write("A statement, or a number", "x > 0.5 and y < 0")
        page.click("Ask")
        page.wait("document.querySelector('.answer')")
        page.write("x", "0.5")
        page.click("Fill in")
        page.wait("document.querySelectorAll('tbody tr').length === 5")
        self.look("ask")
        page.go("#/run/people/ask")
        page.wait("document.querySelector('h1').textContent === 'people' && document.querySelector('.card')")
        page.click("Ask")
        page.wait("document.querySelector('.answer')")
        page.write("born", "1987")
        page.write("zip", "48848")
        page.click("Fill in")
        page.wait("document.querySelectorAll('tbody tr').length === 5")
        if not page.run(
            "[...document.querySelectorAll('tbody td')].map((each) => each.textContent).includes('48848')"
        ):
            raise SystemExit("a known cell must be shown as it was told")
        self.look("ask-names")

    def hear(self) -> None:
        self.page.go("#/run/tones/sample")
        self.page.wait("document.querySelectorAll('audio').length === 3")
        self.page.run("document.querySelector('audio').play()")
        self.look("hear")

    def check(self) -> None:
        self.page.go("#/data")
        self.page.write("Data", "moons")
        self.page.click("Check the data")
        self.page.wait("document.querySelectorAll('tbody tr').length > 4")
        self.look("data")

    def mistakes(self) -> None:
        """Enter asks, an answer goes when the next question has none, and an odd address is answered in words."""
        page, statement = self.page, "A statement, or a number"
        page.go("#/run/moons/ask")
        page.wait("document.querySelector('h1').textContent === 'moons' && document.querySelector('.card')")
        page.enter(statement, "x > 0.5")
        page.wait("document.querySelector('.answer')")
        page.enter(statement, "x > nothing")
        page.wait("document.querySelector('.status.error') && !document.querySelector('.answer')")
        page.go("#/train")
        page.wait("document.querySelectorAll('.fields .field').length > 10")
        page.enter("Name of the run", "bad 3")
        page.wait("document.querySelector('.status.error')?.textContent.includes('must begin with a letter')")
        page.go("#/run/100%")
        page.wait("document.querySelector('h1').textContent === '100%' && document.querySelector('.status.error')")
        page.complaints()  # of the console, about refusals that were to come

    def train(self) -> None:
        """Begun, stopped and gone on with."""
        page, run = self.page, f"vae-{self.name}"
        page.go("#/train/vae")
        page.wait("document.querySelectorAll('.fields .field').length > 10")
        page.write("Condition on", "label")
        page.write("steps", "400")
        page.write("Name of the run", run)
        self.look("train")
        page.click("Train")
        page.wait("document.querySelector('.chart .line')", 90)
        page.wait("document.querySelector('.wide')", 90)
        self.look("training")
        page.click("Stop")
        page.wait("document.querySelector('.facts[role]').textContent.startsWith('stopped')")
        page.wait("[...document.querySelectorAll('button')].some((b) => b.textContent === 'Go on')")
        page.click("Go on")
        page.wait("document.querySelector('.facts[role]').textContent.startsWith('done · 400 of 400')", 120)
        self.look("trained")

    def board(self) -> None:
        page = self.page
        page.go("#/board")
        page.wait("document.querySelector('.boxes input')")
        page.run("document.querySelector('details').open = true")
        for name in ("moons", "moons-kde"):
            page.run(f"document.getElementById('compare-{name}').click()")
        page.click("Compare")
        page.wait("document.querySelector('tbody strong')", 120)
        self.look("board")


def by_keyboard(page: Page) -> None:
    """From the top of the page to samples of a run, by keys alone."""
    page.go("#/")
    page.wait("document.querySelectorAll('tbody tr').length > 3")
    page.run("document.activeElement.blur()")
    for _ in range(40):
        page.press("Tab", 9)
        if page.run("document.activeElement.textContent") == "digits":
            break
    page.press("Enter", 13)
    page.wait(f"{RESULTS} === 16")
    if page.run("document.activeElement.tagName") != "H1":
        raise SystemExit("a new view must be read out: its head is to have the focus")
    print("keyboard: runs, sample", flush=True)


def by_key(browser: Browser, home: Path) -> None:
    """A studio with a key is opened by that alone; one that no request can carry, or a wrong one, is told as such."""
    told = "document.querySelector('dialog .status').textContent"
    with opened(home, key="the key") as url:
        page = browser.open(url)
        for word, answer in (("sécret→", "letters as “→”"), ("another", "is not the one")):
            page.wait("document.querySelector('dialog')?.open")
            page.enter("Key", word)
            page.wait(f"{told}.includes('{answer}')")
        page.enter("Key", "the key")
        page.wait("document.querySelectorAll('tbody tr').length > 3")
    print("key: told as wrong, and taken", flush=True)


def make_runs(home: Path) -> None:
    """A few small runs, trained where they are not there yet."""
    import torch

    from genzoo.data.codecs.audio import SoundCodec

    tones = home.parent / "tones"
    if not tones.is_dir():
        waves = torch.sin(torch.arange(4000) * torch.linspace(0.1, 0.4, 24)[:, None])
        SoundCodec(8000).save_each(0.8 * waves, tones)
    people = home.parent / "people.csv"
    if not people.is_file():
        cells = ((k * 7 % 60 + 18, 1950 + k % 60, 48800 + k, f"{1200 + 37.07 * k:.2f}") for k in range(200))
        lines = [
            ",".join(str(cell) if (k + i) % 9 else "" for i, cell in enumerate(row)) for k, row in enumerate(cells)
        ]
        people.write_text("Age (years),born,zip,income $\n" + "\n".join(lines) + "\n")
    heard = {"components": 2, "covariance": "diag"}
    made: dict[str, tuple[Any, ...]] = {
        "moons": ("gaussian_mixture", "moons", {}, 40),
        "moons-kde": ("kde", "moons", {}, None),
        "verse": ("gpt", "verse", {"width": 32, "depth": 2, "heads": 2}, 150),
        "captions": ("gpt", read("shapes", x="caption", given="image"), {"width": 32, "depth": 1, "heads": 2}, 20),
        "people": ("gaussian_mixture", read(people, missing="keep"), {}, 40),
        "digits": ("vae", read("digits", given="label"), {}, 600),
        "tones": ("gaussian_mixture", tones, heard, None),
    }
    for name, (recipe, data, settings, steps) in made.items():
        if not (home / name).is_dir():
            train(recipe, data, settings=settings, steps=steps, out=home / name)


@contextlib.contextmanager
def opened(home: Path, key: str | None = None) -> Iterator[str]:
    """A studio over runs; its address."""
    with contextlib.chdir(home.parent), listening("127.0.0.1", 0, None) as sock:
        shown = Studio(Path(home.name), key=key)
        thread = threading.Thread(target=shown.run, args=(sock,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{sock.getsockname()[1]}/"
        finally:
            shown.server.drain()
            thread.join(30)


def into_docs(out: Path) -> None:
    """The pictures that the documentation shows, in few colors."""
    for name in SHOWN:
        shot = Image.open(out / f"{name if '-' in name else f'light-{name}'}.png").convert("RGB")
        paper = Image.new("RGB", shot.size, shot.getpixel((2, shot.height - 2)))
        _, _, _, last = ImageChops.difference(shot, paper).getbbox() or (0, 0, 0, shot.height)
        shot = shot.crop((0, 0, shot.width, min(shot.height, last + 16)))
        shot.quantize(64).save(DOCS / f"studio-{name}.png", optimize=True)


def main() -> None:
    """Walks on a light screen of a desk and a dark one of a phone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("walk"))
    parser.add_argument("--docs", action="store_true", help="Put the pictures of the documentation into their place.")
    parser.add_argument("--runs", type=Path, help="The folder of the runs, to be used again; by default a new one.")
    asked = parser.parse_args()
    asked.out = asked.out.resolve()
    asked.out.mkdir(parents=True, exist_ok=True)
    screens: dict[str, dict[str, Any]] = {
        "light": {"width": 1280, "height": 900},
        "phone": {"width": 390, "height": 844, "dark": True, "touch": True},
    }
    with tempfile.TemporaryDirectory() as folder, Browser() as browser:
        home = (asked.runs or Path(folder) / "runs").resolve()
        make_runs(home)
        with opened(home) as url:
            for name, screen in screens.items():
                Walk(browser.open(url, **screen), asked.out, name).all()
            by_keyboard(browser.open(url))
        by_key(browser, home)
    if asked.docs:
        into_docs(asked.out)


if __name__ == "__main__":
    main()
