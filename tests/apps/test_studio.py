"""`genzoo studio` on the loopback: what its page may load, what it shows, and what it refuses."""

import base64
import contextlib
import csv
import dataclasses
import http.client
import io
import json
import math
import re
import shlex
import sys
import threading
import time
import zipfile
from importlib.resources import files

import pytest
import torch
from typer.testing import CliRunner

from genzoo import read, train
from genzoo.apps.cli.answers import columns_of
from genzoo.apps.cli.root import app
from genzoo.apps.serve import Limits, listening
from genzoo.apps.serve.refusals import Refusal
from genzoo.apps.studio import Studio, commands
from genzoo.apps.studio.asking import questions_of
from genzoo.apps.studio.near import Cells
from genzoo.apps.studio.sources import Sources
from genzoo.core import Column, Space
from genzoo.data.codecs.image import ImageCodec
from genzoo.data.codecs.table import TableCodec
from genzoo.evaluation.measurement import Kind, Measurement
from genzoo.tasks import Expression
from genzoo.zoo.conditions import conditions
from genzoo.zoo.loading import load
from genzoo.zoo.receipts import looked_at

PAGE = files("genzoo.apps.studio") / "page"
LIMITS = Limits(rows=64, body=4096, upload=1 << 16, grace=5)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("studio") / "runs"
    train("gaussian_mixture", "moons", steps=2, out=home / "moons", device="cpu")
    digits = read("digits", given="label")
    train("vae", digits, settings={"hidden": 8, "latent": 2}, steps=1, out=home / "deep" / "digits", device="cpu")
    return home


@contextlib.contextmanager
def running(home, key=None):
    studio = Studio(home, "cpu", limits=LIMITS, key=key)
    with listening("127.0.0.1", 0, None) as sock:
        thread = threading.Thread(target=studio.run, args=(sock,))
        thread.start()
        studio.port = sock.getsockname()[1]
        while not studio.server.started:
            time.sleep(0.01)
        yield studio
        studio.server.drain()
        thread.join(10)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def studio(home):
    with running(home) as studio:
        yield studio


def call(studio, route, body=None, **head):
    """The status, the head and what the answer holds."""
    connection = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=30)
    head = {"Content-Type": "application/json", "X-Genzoo": "1"} | {k.replace("_", "-"): v for k, v in head.items()}
    with contextlib.closing(connection):
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection.request("GET" if body is None else "POST", route, data, {k: v for k, v in head.items() if v})
        answer = connection.getresponse()
        content, kind = answer.read(), answer.getheader("content-type", "")
        return answer.status, dict(answer.getheaders()), json.loads(content) if "json" in kind else content


def told(studio, route, body=None):
    status, _, answer = call(studio, route, body)
    assert status == 200, answer
    return answer


def refused(studio, route, body=None, **head):
    status, _, answer = call(studio, route, body, **head)
    return status, answer["error"]["message"]


# --- the page -----------------------------------------------------------------------------------------------------


def test_the_page_loads_nothing_but_its_own_files(studio):
    status, head, page = call(studio, "/")
    policy = head["content-security-policy"]
    assert (status, head["x-content-type-options"]) == (200, "nosniff")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    named = set(re.findall(r'(?:src|href)="/page/([^"]+)"', page.decode()))
    shipped = {file.name: file.read_text(encoding="utf-8") for file in PAGE.iterdir()}
    for text in shipped.values():
        named |= set(re.findall(r'from "\./([\w.]+)"', text))
    assert named | {"index.html"} == set(shipped), "all that is shipped is used, and all that is used is shipped"
    for name in named:
        status, head, content = call(studio, f"/page/{name}")
        assert (status, content.decode()) == (200, shipped[name])
        assert head["content-type"].split(";")[0] in ("text/javascript", "text/css", "image/svg+xml")
    assert call(studio, "/page/..%2f__init__.py")[0] == call(studio, "/page/nothing.js")[0] == 404


def test_what_a_model_says_never_becomes_markup():
    """No script builds markup from text, or code from it; nothing stands in an attribute that the policy forbids."""
    for file in PAGE.iterdir():
        text = file.read_text(encoding="utf-8")
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|new Function| style=| on\w+=\"", text
        )
        assert set(re.findall(r"https?://[\w./]+", text)) <= {"http://www.w3.org/2000/svg"}


def test_pages_of_other_sites_are_refused(studio):
    asked = {"model": "moons", "n": 1}
    changing = [path for path, ways in studio.server.guard.app.openapi()["paths"].items()
                if path.startswith("/studio") and "post" in ways]  # fmt: skip
    assert len(changing) > 8
    for path in changing:
        assert refused(studio, path, asked, X_Genzoo="")[0] == 403
        assert call(studio, path, asked, X_Genzoo="", Content_Type="text/plain")[0] == 403
    assert refused(studio, "/studio/samples", asked, Origin="http://evil.example")[0] == 403
    assert refused(studio, "/studio/runs", Host="evil.example:80")[0] == 400
    assert call(studio, "/studio/samples", asked, Origin=f"http://127.0.0.1:{studio.port}")[0] == 200


def test_a_studio_with_a_key_shows_its_page_and_nothing_else_without_it(home):
    with running(home, key="a key") as studio:
        assert [call(studio, path)[0] for path in ("/", "/page/main.js", "/studio/runs", "/v1/models")] == [
            200,
            200,
            401,
            401,
        ]
        assert call(studio, "/studio/runs", Authorization="Bearer a key")[0] == 200
        assert refused(studio, "/studio/runs", Host="evil.example", Authorization="Bearer a key")[0] == 400


# --- runs and samples ---------------------------------------------------------------------------------------------


def test_runs_are_listed_and_none_outside_is_reached(studio, home):
    found = told(studio, "/studio/runs")["runs"]
    assert [(run["run"], run["recipe"], run["state"]) for run in found] == [
        ("deep/digits", "vae", "trained"), ("moons", "gaussian_mixture", "trained"),
    ]  # fmt: skip
    about = told(studio, "/studio/run?name=deep/digits")
    assert (about["genzoo"]["kind"], about["shape"]) == ("image", [1, 8, 8])
    assert about["options"]["noise"].startswith("false: the mean of x")
    (home.parent / "outside").symlink_to(home / "moons")
    for name in ("../outside", str(home / "moons"), "moons/../moons", "mons", ""):
        status, message = refused(studio, f"/studio/run?name={name}")
        assert status == 404
        assert "There is no run" in message
    assert refused(studio, "/studio/run?name=mons")[1].endswith("Did you mean 'moons'?")


def test_samples_are_those_of_the_command_line_and_files_carry_their_receipt(studio, home, tmp_path):
    asked = {"model": "deep/digits", "n": 3, "seed": 4, "given": {"label": ["3", "4"]}}
    found = told(studio, "/studio/samples", asked)
    assert found["command"] == f"genzoo sample {home}/deep/digits -n 3 --seed 4 --given label=3,4"
    assert told(studio, "/studio/command", asked) == {"command": found["command"]}
    run = load(home / "deep" / "digits")
    given = conditions(run.generative, run.config.data, {"label": "3,4"}, 3)
    x = run.generative.sample(3, given, seed=4, noise=False)
    assert [base64.b64decode(item) for item in found["items"]] == run.codec.pngs(x)
    (tmp_path / "file.png").write_bytes(call(studio, "/studio/file", asked)[2])
    verdict = looked_at(tmp_path / "file.png")
    assert (verdict.state, verdict.receipt.seed, verdict.receipt.given) == ("intact", 4, ["label=3,4"])
    said = CliRunner().invoke(app, [*shlex.split(found["command"])[1:], "--out", str(tmp_path / "own.png")])
    assert said.exit_code == 0, said.output
    assert (tmp_path / "own.png").read_bytes() == (tmp_path / "file.png").read_bytes()
    _, head, packed = call(studio, "/studio/file", {"model": "moons", "n": 2, "seed": 1})
    assert head["content-type"] == "application/zip"
    zipfile.ZipFile(io.BytesIO(packed)).extractall(tmp_path)
    assert looked_at(tmp_path / "sample.csv").state == "intact"
    assert json.loads((tmp_path / "sample.json").read_text())["run"] == f"{home}/moons"
    assert "--set noise=false" in told(studio, "/studio/command", asked | {"options": {"noise": False}})["command"]
    rows = told(studio, "/studio/samples", {"model": "moons", "n": 2, "seed": 1})
    assert rows["items"] == list(csv.DictReader(io.StringIO((tmp_path / "sample.csv").read_text())))
    assert refused(studio, "/studio/samples", asked | {"given": {"label": "12"}})[0] == 400
    status, message = refused(studio, "/studio/samples", asked | {"n": 65})
    assert (status, message) == (400, "n must be at most 64, got 65. Send several requests.")


def test_a_condition_may_be_a_picture_that_is_brought(studio, home, tmp_path):
    x = torch.arange(20 * 64).reshape(20, 1, 8, 8).remainder(256).byte()
    data = read({"y": x, "given": x.flip(-1)}, x="y", given="given")
    train("cvae", data, settings={"hidden": 2}, steps=1, out=home / "turned", device="cpu")
    served = studio.library.find("turned")
    served.run = dataclasses.replace(served.run, given_codecs={"": ImageCodec()})
    about = told(studio, "/studio/run?name=turned")
    assert about["genzoo"]["given"]["given"]["file"] == "image"
    photo = "data:image/png;base64," + base64.b64encode(ImageCodec().pngs(x[:1])[0]).decode()
    asked = {"model": "turned", "n": 2, "seed": 4, "given": {"given": photo}}
    found = told(studio, "/studio/samples", asked)
    assert found["command"] == f"genzoo sample {home}/turned -n 2 --seed 4 --given given=given.png"
    drawn = served.model.sample(2, x[:1].expand(2, -1, -1, -1), seed=4, noise=False)
    assert [base64.b64decode(item) for item in found["items"]] == ImageCodec().pngs(drawn)
    (tmp_path / "file.png").write_bytes(call(studio, "/studio/file", asked)[2])
    verdict = looked_at(tmp_path / "file.png")
    assert (verdict.state, verdict.receipt.given) == ("intact", ["given=given.png"])
    assert "must be base64" in refused(studio, "/studio/samples", asked | {"given": {"given": "photo.png"}})[1]


def test_a_table_shows_its_conditions_and_guidance_is_offered_where_it_leads(studio, home, tmp_path):
    (tmp_path / "people.csv").write_text("age,kind\n" + "".join(f"{k % 9},{'ab'[k % 2]}\n" for k in range(40)))
    people = read(tmp_path / "people.csv", given="kind")
    train("ddpm", people, steps=1, out=home / "people", device="cpu")
    asked = {"model": "people", "n": 4, "seed": 3, "given": {"kind": ["a", "b"]}, "options": {"steps": 2}}
    rows = told(studio, "/studio/samples", asked)["items"]
    assert [row["kind"] for row in rows] == ["a", "a", "b", "b"]
    with zipfile.ZipFile(io.BytesIO(call(studio, "/studio/file", asked)[2])) as packed:
        assert rows == list(csv.DictReader(io.StringIO(packed.read("sample.csv").decode())))
    assert {"guidance", "steps"} <= told(studio, "/studio/run?name=people")["options"].keys()
    train("ddpm", read(tmp_path / "people.csv", x="age"), steps=1, out=home / "ages", device="cpu")
    about = told(studio, "/studio/run?name=ages")["options"].keys()
    assert "steps" in about
    assert not about & {"guidance", "guide", "guided_from", "guided_to", "against"}


# --- trainings ----------------------------------------------------------------------------------------------------


def ended(studio, number):
    """A command, once it has ended."""
    for _ in range(600):
        found = next(each for each in told(studio, "/studio/commands")["commands"] if each["number"] == number)
        if found["state"] not in ("waiting", "running"):
            return found
        time.sleep(0.02)
    raise AssertionError(found)


def test_a_form_becomes_the_command_that_trains(studio, home, monkeypatch):
    """What the page asks for is what the command line is told; the training itself is its own."""
    monkeypatch.setattr(commands, "PROGRAM", ("echo",))
    asked = {"recipe": "gaussian_mixture", "data": "moons", "settings": {"components": 3, "covariance": "diag"},
             "train": {"steps": 4, "ema": None}, "name": "mixed"}  # fmt: skip
    begun = told(studio, "/studio/train", asked)
    assert begun["run"] == "mixed"
    done = ended(studio, begun["number"])
    assert (done["state"], done["lines"]) == ("done", [" ".join(shlex.split(done["command"])[1:])])
    said = CliRunner().invoke(app, shlex.split(done["command"])[1:])
    assert said.exit_code == 0, said.output
    config = load(home / "mixed").config
    kept = config.recipe.arguments
    assert (kept["components"], kept["covariance"], config.train.ema) == (3, "diag", None)
    seen = told(studio, "/studio/watch?name=mixed")
    assert (seen["step"], seen["total"], seen["curves"]["train"][-1]["step"]) == (4, 4, 4)
    image = told(studio, "/studio/watch?name=deep/digits")["samples"][-1]
    assert call(studio, f"/studio/drawn?name=deep/digits&file={image}")[2].startswith(b"\x89PNG")
    assert refused(studio, "/studio/drawn?name=deep/digits&file=../config.json")[0] == 404
    assert "it has made 4 of 4, got 3" in refused(studio, "/studio/resume", {"model": "mixed", "steps": 3})[1]
    again = told(studio, "/studio/resume", {"model": "mixed", "steps": 5})
    assert ended(studio, again["number"])["lines"] == [f"train --resume={home / 'mixed'} --steps=5"]


def test_a_failed_training_says_why_in_words_of_the_page_and_has_nothing_to_go_on_from(studio, monkeypatch):
    said = "print('error: Cells must be there.'); print('fix:   Pass --read missing=drop.'); raise SystemExit(2)"
    monkeypatch.setattr(commands, "PROGRAM", (sys.executable, "-c", said))
    begun = told(studio, "/studio/train", {"recipe": "gaussian_mixture", "data": "moons", "name": "fails"})
    failed = ended(studio, begun["number"])
    assert (failed["state"], told(studio, "/studio/watch?name=fails")["begun"]) == ("failed", False)
    assert failed["why"] == "Cells must be there. Pass missing=drop. Options stand under “How they are read”."
    assert told(studio, "/studio/watch?name=moons")["begun"]


def test_wrong_settings_are_refused_in_the_words_of_the_command_line(studio):
    asked = {"recipe": "gaussian_mixture", "data": "moons"}
    for more, words in (
        ({"recipe": "gausian_mixture"}, "Did you mean 'gaussian_mixture'?"),
        ({"settings": {"komponents": 3}}, "Did you mean 'components'?"),
        ({"settings": {"components": 0}}, "components"),
        ({"train": {"stepps": 3}}, "Did you mean 'steps'?"),
        ({"train": {"steps": 3, "minutes": 1}}, "a run has one budget"),
        ({"data": "/etc/passwd"}, "must be embedded or lie below"),
        ({"data": "uploads/../../outside"}, "must be embedded or lie below"),
        ({"data": "x" * 300}, "must be embedded or lie below"),
        ({"data": "a\0b"}, ""),
        ({"read": {"labels": "/etc/passwd"}}, "There is no option of reading 'labels' here."),
        ({"name": "../out"}, "The name of a run must begin with a letter or digit"),
        ({"name": "bad 3"}, "got 'bad 3'. Change it."),
        ({"recipe": "ddpm", "settings": {"classifier": "/etc"}}, "There is no run '/etc'."),
    ):
        status, message = refused(studio, "/studio/train", asked | more)
        assert (400 <= status < 500, words in message) == (True, True), message


def test_one_command_runs_at_a_time_and_all_end_with_the_studio(monkeypatch):
    monkeypatch.setattr(commands, "PROGRAM", (sys.executable, "-c"))
    line = commands.Commands(grace=10)
    slow = "import time, signal; print('on', flush=True); time.sleep(60)"
    one, two, three = (line.add([slow], name) for name in ("one", "two", "three"))
    with pytest.raises(Refusal, match="A command of one is under way"):
        line.add([slow], "one")
    while not one.lines:
        time.sleep(0.01)
    assert [each.state for each in (one, two, three)] == ["running", "waiting", "waiting"]
    line.stop(two.number)
    line.stop(one.number)
    while not three.lines:
        time.sleep(0.01)
    assert [each.state for each in (one, two, three)] == ["stopped", "stopped", "running"]
    line.add(["four words"], "four")
    assert line.close() == ["genzoo 'four words'"], "what waits is told, what runs keeps where it stands"
    assert not line.thread.is_alive()
    assert (three.state, three.process.poll() is None, two.process) == ("stopped", False, None)


# --- data ---------------------------------------------------------------------------------------------------------


def test_files_are_uploaded_into_the_studio_alone(studio, home):
    kept = told(studio, "/studio/data?name=../a%20b.csv", b"x,y\n1,2\n")["data"]
    assert kept == str(home / "uploads" / "a-b.csv")
    assert told(studio, "/studio/data?name=a%20b.csv", b"x,y\n1,2\n")["data"].endswith("a-b-2.csv")
    assert told(studio, "/studio/data?name=config.json", b"{}")["data"].endswith("data-config.json")
    assert kept in told(studio, "/studio/data")["files"]
    holed = told(studio, "/studio/data?name=holed.csv", b"x,y\n1,2\n,3\n4,5\n")["data"]
    status, message = refused(studio, "/studio/check", {"data": holed})
    assert (status, "--" in message, "Pass missing=drop" in message, "“How they are read”" in message) == (
        400,
        False,
        True,
        True,
    )
    assert refused(studio, "/studio/data?name=..", b"")[0] == 400
    assert call(studio, f"/studio/data?name={'%E7%8C%AB' * 99}.csv", b"x\n1\n")[0] == 200
    for name in ("cities.csv.gz", "cities-2.csv.gz"):  # the ending stays whole, so that both can be read
        assert told(studio, "/studio/data?name=cities.csv.gz", b"")["data"] == str(home / "uploads" / name)
    status, message = refused(studio, "/studio/data?name=make.py", b"print(1)")
    assert (status, message[:40]) == (400, "A file must end in one of .csv, .csv.gz,")
    assert not (home / "uploads" / "make.py").exists()
    assert call(studio, "/studio/data?name=big.csv", b"x" * (LIMITS.upload + 1))[0] == 413
    assert studio.sources.word(kept) == studio.sources.word("a-b.csv") == kept


def test_a_name_that_two_folders_have_is_told_by_its_whole_path(tmp_path, monkeypatch):
    monkeypatch.delenv("GENZOO_DATA", raising=False)
    sources = Sources(tmp_path / "runs", [tmp_path / "data"], 1 << 20)
    own = tmp_path / "data" / "ring.csv"
    own.parent.mkdir()
    own.write_text("x\n1\n")
    assert sources.word("ring.csv") == str(own)
    kept = sources.keep("ring.csv", b"x\n2\n")
    with pytest.raises(Refusal, match="must be one thing, and there are .* and ") as told:
        sources.word("ring.csv")
    assert kept in told.value.message
    assert [sources.word(place) for place in (kept, str(own))] == [kept, str(own)]


# --- looking at runs ----------------------------------------------------------------------------------------------


def test_neighbors_are_the_nearest_training_rows(studio, home):
    found = told(studio, "/studio/near", {"model": "moons", "n": 3, "k": 2, "seed": 5})
    run = load(home / "moons")
    x, train_rows = run.generative.sample(3, seed=5), run.data().train.x
    distances, places = torch.cdist(x, train_rows).topk(2, largest=False)
    assert torch.tensor(found["distances"]).allclose(distances, atol=1e-4)
    near = [[float(row["x"]), float(row["y"])] for row in found["rows"]["items"]]
    assert torch.tensor(near).allclose(train_rows[places.flatten()], atol=0.01)
    pictures = told(studio, "/studio/near", {"model": "deep/digits", "n": 1, "k": 3})
    assert [len(pictures["samples"]["items"]), len(pictures["rows"]["items"])] == [1, 3]


def test_neighbors_are_found_where_cells_are_missing(studio, home, tmp_path):
    lines = [f"{'' if k % 3 == 0 else k % 10},{k * k % 7},{'ab'[k % 2] if k % 5 else ''}" for k in range(40)]
    (tmp_path / "holes.csv").write_text("age,size,kind\n" + "\n".join(lines) + "\n")
    holed = read(tmp_path / "holes.csv", missing="keep")
    train("gaussian_mixture", holed, steps=2, out=home / "holes", device="cpu")
    found = told(studio, "/studio/near", {"model": "holes", "n": 3, "k": 3, "seed": 1})
    assert all(math.isfinite(each) for row in found["distances"] for each in row)
    nearest = [found["rows"]["items"][3 * i : 3 * i + 3] for i in range(3)]
    assert nearest[0] != nearest[1], "the rows depend on the sample"
    points = Cells(holed.space, holed.x)
    distances = torch.cdist(points(holed.x), points(holed.x))
    same = (holed.x[:, None] == holed.x) | (holed.x[:, None].isnan() & holed.x.isnan())
    assert torch.equal(distances < 1e-3, same.all(2)), "copies alone are at distance zero, holes included"


def test_cells_of_a_table_are_shown_as_they_are_written_and_asked_by_their_names(studio, home, tmp_path):
    lines = [f"{48800 + k},20{k:02d}-03-01,{'ab'[k % 2]},{30000 + 7.01 * k:.2f}" for k in range(40)]
    (tmp_path / "cars.csv").write_text('zip,"first, day",kind,price $\n' + "\n".join(lines) + "\n")
    train("gaussian_mixture", read(tmp_path / "cars.csv"), steps=2, out=home / "cars", device="cpu")
    asked = {"model": "cars", "n": 5, "seed": 2}
    _, _, packed = call(studio, "/studio/file", asked)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        written = list(csv.DictReader(io.StringIO(archive.read("sample.csv").decode())))
    assert told(studio, "/studio/samples", asked)["items"] == written
    row = {"zip": "48848", "first, day": None, "kind": None, "price $": "37508.07"}
    for filled in told(studio, "/studio/fill", {"model": "cars", "input": [row], "n": 3, "seed": 0})["rows"][0]:
        assert (filled["zip"], filled["price $"]) == ("48848", "37508.07")
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", filled["first, day"])
    about = told(studio, "/studio/run?name=cars")
    assert (about["question"], about["spelled"]["price $"]) == ("zip > 0", "price__")
    one = Space((1,), columns=(Column("integer"),))
    for name, question in (("Age (years)", "Age__years_ > 0"), ("1st", "_1st > 0")):
        codec = TableCodec((name,), whole=(name,), precise=True)
        assert questions_of(codec, one)["question"] == question
        assert Expression(question, columns_of(codec, one)).is_event
    words = TableCodec(("what's",), words={"what's": ["it's", "no"]}, precise=True)
    assert questions_of(words, one)["question"] == 'what_s == "it\'s"'


def test_a_walk_leads_from_one_sample_to_another(studio):
    asked = {"model": "deep/digits", "given": {"label": "3"}}
    ends = [told(studio, "/studio/samples", asked | {"n": 1, "seed": seed})["items"][0] for seed in (2, 9)]
    way = told(studio, "/studio/walk", asked | {"seed": 2, "other": 9, "steps": 5})["items"]
    assert ([way[0], way[-1]], len(way)) == (ends, 5)
    assert "is not mixed" in refused(studio, "/studio/walk", asked | {"mix": True})[1]
    assert "has no latent" in refused(studio, "/studio/walk", {"model": "moons"})[1]


def test_rows_of_a_file_are_scored_beside_held_out_ones(studio, home):
    kept = told(studio, "/studio/data?name=points.csv", b"x,y\n0.5,0.25\n-3,9\n")["data"]
    found = told(studio, "/studio/score", {"model": "moons", "data": kept})
    model = load(home / "moons").generative
    assert found["log_prob"] == pytest.approx(model.log_prob(torch.tensor([[0.5, 0.25], [-3, 9]])).tolist(), rel=1e-5)
    assert (found["rows"], found["likelihood"], found["bits_per_dim"]) == (2, "exact", False)
    assert found["log_prob"][1] < min(found["held_out"])
    brought = told(studio, "/studio/data?name=brought.csv", b"x,y\n0.5,0.25\n")["data"]
    assert told(studio, "/studio/score", {"model": "moons", "data": brought, "once": True})["rows"] == 1
    assert [place in told(studio, "/studio/data")["files"] for place in (brought, kept)] == [False, True]
    for path, was_there in ((home / "moons" / "config.json", False), ("\0", False), (kept, True), (kept, False)):
        assert told(studio, "/studio/forget", {"data": str(path)}) == {"removed": was_there}
    assert kept not in told(studio, "/studio/data")["uploads"]
    assert (home / "moons" / "config.json").is_file(), "what was not uploaded stays"
    own = told(studio, "/studio/score", {"model": "moons", "rows": 50})
    assert (len(own["log_prob"]), own["held_out"]) == (50, [])
    assert refused(studio, "/studio/score", {"model": "moons", "data": "/etc/passwd"})[0] == 400


def test_scores_stand_under_the_numbers_of_their_rows_and_say_what_was_left_out(studio, home, tmp_path):
    (tmp_path / "few.csv").write_text("a,b\n" + "".join(f"{k % 7},{k % 5}\n" for k in range(30)))
    few = read(tmp_path / "few.csv", missing="drop")
    train("gaussian_mixture", few, settings={"components": 1}, steps=1, out=home / "few", device="cpu")
    kept = told(studio, "/studio/data?name=holed.csv", b"a,b\n,2\n1,2\n3,\n4,5\n")["data"]
    found = told(studio, "/studio/score", {"model": "few", "data": kept})
    assert (found["rows"], found["numbers"], len(found["log_prob"])) == (2, [1, 3], 2)
    assert [note[:19] for note in found["notes"]] == ["dropped 2 rows of 4"]
    own = told(studio, "/studio/score", {"model": "moons", "rows": 3})
    less = told(studio, "/studio/data?name=less.csv", b"a\n1\n")["data"]
    status, message = refused(studio, "/studio/score", {"model": "few", "data": less})
    assert (status, "must have the columns that the run was trained on, and lacks 'b'." in message) == (400, True)
    assert (own["numbers"], own["notes"]) == (load(home / "moons").data().test.numbers[:3].tolist(), [])


def test_comparisons_stand_on_a_board_with_the_best_marked(studio, home, monkeypatch):
    monkeypatch.setattr(commands, "PROGRAM", ("echo",))
    begun = told(studio, "/studio/compare", {"models": ["moons"], "samples": 50, "rows": 20})
    status, message = refused(studio, "/studio/compare", {"models": ["moons", "deep/digits"]})
    assert (status, "moons on moons" in message, "deep/digits on digits" in message) == (400, True, True)
    assert ended(studio, begun["number"])["lines"] == [
        f"compare {home / 'moons'} --out={home / 'compare-1'} --samples=50 --rows=20"
    ]
    values = {"good": 1.0, "same": 1.1, "bad": 2.0}
    measured = {name: Measurement("−log p", value, 0.1, Kind.EXACT, "nats", 20) for name, value in values.items()}
    entries = [
        {"name": name, "runs": [str(home / "moons")], "measurements": [m.to_json()]} for name, m in measured.items()
    ]
    for name, text in (("one", json.dumps({"data": "moons", "entries": entries})), ("spoilt", '{"entries": 3}')):
        (home / name).mkdir()
        (home / name / "report.json").write_text(text)
    (board,) = told(studio, "/studio/boards")["boards"]
    (column,) = board["columns"]
    assert (board["folder"], column["name"], column["better"]) == ("one", "−log p", "lower")
    assert {entry["run"] for entry in board["entries"]} == {"moons"}
    assert {name: cell["best"] for name, cell in column["cells"].items()} == {"good": True, "same": True, "bad": False}
    assert column["cells"]["bad"]["text"] == str(measured["bad"])
