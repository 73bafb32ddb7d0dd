"""Comparisons and their report: fair numbers in one file that needs nothing but itself."""

import dataclasses
import html.parser
import json

import numpy as np
import pytest
import torch
from PIL import Image

import genzoo
from genzoo import Mistake
from genzoo.core import Noise
from genzoo.evaluation import Kind, Measurement, Protocol, as_shown, evaluate
from genzoo.evaluation.measurement import BY_TREES
from genzoo.experiments.advice import advise, kinds_in_words
from genzoo.experiments.compare import Entry, _order, compare, compare_runs
from genzoo.experiments.curves import curves_of, draw_curves, ticks
from genzoo.experiments.demo import print_leaderboard
from genzoo.experiments.glossary import meaning_of
from genzoo.experiments.report import _shown, draw_wall, leaderboard, real_rows, write_report

BRIEF = {"watch": lambda _: [], "protocol": Protocol(rows=100, samples=200)}


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    small = {"gaussian_mixture": {"components": 2}, "vae": {"hidden": 8}, "wgan_gp": {"hidden": 8}}
    return compare("digits", small, out=tmp_path_factory.mktemp("digits"), steps=4, **BRIEF)


class Links(html.parser.HTMLParser):
    """Everything that a page would fetch, and the tags that it opens without closing."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.left: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "link", "img", "br", "wbr"):
            self.left.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.left.pop() == tag


def test_everything_is_measured_alike(digits):
    assert digits.columns[:2] == ["bits/dim", "Fréchet"]
    assert {"KID", "precision", "recall", "coverage", "two-sample accuracy", "copies"} <= set(digits.columns)
    assert {entry.name for entry in digits.entries} == {"gaussian_mixture", "vae", "wgan_gp"}
    assert {entry.run.config.data.fingerprint for entry in digits.entries} == {digits.data.fingerprint}
    values = [entry.measured("Fréchet").value for entry in digits.entries]
    assert values == sorted(values)
    wgan = next(entry for entry in digits.entries if entry.name == "wgan_gp")
    assert wgan.measured("bits/dim") is None


def test_samples_are_of_the_comparisons_seed(digits):
    for entry in digits.entries:
        model = genzoo.load(entry.run.path).model
        assert torch.equal(entry.samples, model.sample(64, seed=digits.seed, **as_shown(model)))
        if entry.recipe.name == "vae":  # the noise of its decoder is shown beside
            assert torch.equal(entry.noisy, model.sample(64, seed=digits.seed))
            noisy = dataclasses.replace(digits.protocol, sampling=digits.protocol.sampling | {"noise": True})
            found = evaluate(model, digits.data, noisy)
            assert entry.with_noise == next(m for m in found if m.name == "Fréchet")
            assert str(entry.with_noise) in write_report(digits).read_text()
        else:
            assert entry.with_noise is None


def test_real_rows_are_evenly_spread():
    """Rows of a folder come kind after kind: the first of them would be of one kind alone."""
    rows = genzoo.read(torch.arange(2000.0)[:, None, None, None].expand(-1, 1, 4, 4).contiguous())
    shown = real_rows(rows)[:, 0, 0, 0]
    assert len(shown) == 64
    assert shown[-1] - shown[0] > 0.9 * (rows.test.x.max() - rows.test.x.min())


def test_the_record_says_all(digits):
    record = json.loads((digits.path / "report.json").read_text())
    assert record["fingerprint"] == digits.data.fingerprint
    assert all(measured["fingerprint"] for entry in record["entries"] for measured in entry["measurements"])


def test_cards_of_compared_runs_have_their_numbers(digits):
    for entry in digits.entries:
        text = (entry.run.path / "README.md").read_text()
        assert f"| Fréchet | {entry.measured('Fréchet')} |" in text
        assert "![samples](samples/" in text


def test_the_report_needs_nothing_but_itself(digits):
    text = write_report(digits).read_text()
    page = Links(text)
    assert not page.left
    assert page.links
    assert all(link.startswith("data:") for link in page.links)
    assert page.tags.count("script") == 1  # that sorts the table
    assert "fetch(" not in text
    assert "@import" not in text
    assert "url(" not in text


def test_the_report_shows_all(digits):
    text = write_report(digits).read_text()
    page = Links(text)
    assert page.tags.count("img") == 8  # real data; three walls, one with noise, three beside training rows
    assert page.tags.count("svg") == 4  # three courses, and quality against speed
    for word in ("≤", "floor", "bits/dim", "Fréchet", "prefers-color-scheme: dark", "Make it again", "to generate"):
        assert word in text
    assert "bits per pixel" in text


def test_text_of_others_is_escaped(digits):
    named = dataclasses.replace(digits, data=dataclasses.replace(digits.data, name="<script>alert(1)</script>"))
    text = write_report(named, digits.path / "named.html").read_text()
    assert "<script>alert" not in text
    assert Links(text).tags.count("script") == 1


def test_the_wall_stands_side_by_side(digits, tmp_path):
    with Image.open(draw_wall(digits, tmp_path / "wall.png")) as wall:
        assert wall.width > 3 * wall.height


def test_a_known_entropy_is_the_floor(tmp_path):
    found = compare("moons", ["gaussian_mixture"], out=tmp_path, steps=30, **BRIEF)
    entropy = found.floor("−log p")
    assert entropy is not None
    assert found.entries[0].measurements[0].value > entropy - 0.2
    assert f"{entropy:.3g}" in [cell["text"] for cell in leaderboard(found)[1][-1]]
    assert "nats/row" in write_report(found).read_text()


def test_tables_show_their_numbers(tmp_path):
    found = compare(Noise(0).normal(400, 3), ["gaussian_mixture"], out=tmp_path, steps=3, **BRIEF)
    text = write_report(found).read_text()
    assert "<img" not in text
    assert "column shapes" in text
    assert "<svg" in text


def test_tables_show_their_words(tmp_path, capsys):
    rows = "".join(f"{17 + i % 60},{['red', 'white'][i % 2]},{i * 0.37:.2f}\n" for i in range(900))
    (tmp_path / "t.csv").write_text(f"age,kind,size\n{rows}")
    found = compare(tmp_path / "t.csv", ["gaussian_mixture"], out=tmp_path / "c", steps=3, **BRIEF)
    shown = _shown(found.data, found.entries[0].samples)
    assert shown["heads"] == ["age", "kind", "size"]
    assert {row[1] for row in shown["numbers"]} <= {"red", "white"}
    assert all(row[0].lstrip("-").isdigit() for row in shown["numbers"])
    assert "table values" in write_report(found).with_suffix(".json").read_text()
    shares = {m.name: m.interval for m in found.entries[0].measurements}
    assert shares["precision"][1] <= 1
    assert shares["column shapes"][1] <= 1
    *_, floor, control = leaderboard(found)[1]
    assert [row[0]["text"] for row in (floor, control)] == ["floor", "shuffled columns"]
    place = [column["name"] for column in leaderboard(found)[0]].index("column shapes")
    assert control[place]["value"] == found.control("column shapes") == pytest.approx(floor[place]["value"], abs=0.05)
    print_leaderboard(found)
    assert "shuffled columns" in capsys.readouterr().out


def test_tables_show_numbers_as_they_are_written():
    frame = [{"pay": f"${1000 + 7 * i:,}.50", **{f"v{k}": f"{i * k}.5" for k in range(13)}} for i in range(30)]
    data = genzoo.read(frame)
    shown = _shown(data, data.x[:2])
    assert [row[0] for row in shown["numbers"]] == ["$1,000.50", "$1,007.50"]
    assert shown["heads"][-1] == "and 2 more"


def test_conditional_families_compare(tmp_path):
    recipes = {"gaussian_mixture": {"components": 1}, "wgan_gp": {"hidden": 8}}
    found = compare(genzoo.read("digits", given="label"), recipes, out=tmp_path, steps=2, **BRIEF)
    assert all(entry.run.model.given_space for entry in found.entries)
    assert all(set(entry.findings[0].by_class) == set("0123456789") for entry in found.entries)
    assert "the class asked for" in write_report(found).read_text()


def test_advice_says_when_numbers_do_not_decide(digits):
    def entry(name: str, value: float) -> Entry:
        made = Measurement("Fréchet", value, 0.1, Kind.STATISTIC, "", 10, "aa")
        return dataclasses.replace(digits.entries[0], name=name, measurements=[made])

    close = dataclasses.replace(digits, entries=[entry("a", 1.0), entry("b", 1.1)])
    generate = advise(close)[0]
    assert generate.names == ["a", "b"]
    assert "within the noise" in generate.reason
    apart = dataclasses.replace(digits, entries=[entry("a", 1.0), entry("b", 2.1)])
    assert advise(apart)[0].names == ["a"]


def test_boosted_trees_decide_of_tables_and_not_distances(digits):
    def entry(name: str, value: float, score: float) -> Entry:
        made = {"sliced Wasserstein": (value, "lower"), BY_TREES: (score, "higher")}
        found = [Measurement(what, v, 0.05, Kind.STATISTIC, "", 10, "aa", better=b) for what, (v, b) in made.items()]
        return dataclasses.replace(digits.entries[0], name=name, measurements=found)

    entries = [entry("a", 1.0, 0.1), entry("b", 1.1, 0.6), entry("c", 9.0, 0.9)]
    generate = advise(dataclasses.replace(digits, entries=entries))[0]
    assert (generate.names, generate.reason) == (["c"], f"{BY_TREES} 0.900 ± 0.050; the next has 0.600 ± 0.050.")
    assert sorted(entries, key=lambda e: _order(e, BY_TREES))[0].name == "c"
    alike = [entry("a", 1.0, 0.65), entry("b", 1.1, 0.7)]
    assert advise(dataclasses.replace(digits, entries=alike))[0].names == ["b", "a"], "the best first"


def test_the_number_of_a_component_is_nothing_to_edit(digits):
    edit = next(advice for advice in advise(digits) if advice.purpose.startswith("to edit"))
    assert edit.names == ["vae"]


def test_unlike_likelihoods_are_told_in_words(digits):
    assert "unlike kinds" not in kinds_in_words(digits)
    found = {"a": Kind.BOUND, "b": Kind.EXACT}
    entries = [
        dataclasses.replace(
            digits.entries[0], name=name, measurements=[Measurement("bits/dim", 1.0, 0.1, kind, "bits/dim", 10, "aa")]
        )
        for name, kind in found.items()
    ]
    said = kinds_in_words(dataclasses.replace(digits, entries=entries))
    assert "a: an upper bound" in said
    assert "b: the exact value" in said


def test_several_seeds_are_pooled_and_a_comparison_goes_on(tmp_path):
    few = tmp_path / "few.csv"
    np.savetxt(few, Noise(0).normal(400, 2), delimiter=",", header="a,b", comments="")
    first = compare(few, ["gaussian_mixture"], out=tmp_path, seeds=2, steps=16, **BRIEF)
    runs, pooled = first.entries[0].runs, first.entries[0].measurements[0]
    assert [run.config.train.seed for run in runs] == [0, 1]
    each = [made.measurements[0].value for made in first.entries[0].findings]
    assert pooled.value == pytest.approx(sum(each) / 2)
    assert pooled.protocol["trainings"] == 2
    stamp = (runs[0].path / "model.safetensors").stat().st_mtime_ns
    again = compare(few, ["gaussian_mixture"], out=tmp_path, seeds=2, steps=16, **BRIEF)
    assert (runs[0].path / "model.safetensors").stat().st_mtime_ns == stamp
    others = compare_runs([runs[0].path], out=tmp_path / "report", protocol=first.protocol)
    values = [[m.value for m in found.entries[0].findings[0].measurements] for found in (first, again, others)]
    assert values[0] == values[1] == values[2]


def test_both_stages_count_as_spent(tmp_path):
    found = compare(Noise(0).normal(400, 2), {"latent_flow": {"depth": 2}}, out=tmp_path, steps=4, **BRIEF)
    last = found.entries[0].run.metrics[-1]["core_seconds"] / 60
    assert found.entries[0].core_minutes > last


def test_texts_compare(tmp_path):
    found = compare("verse", ["bigram", "gpt:width=16:depth=1"], out=tmp_path, steps=4, **BRIEF)
    assert {"bits/dim", "n-gram distance", "distinct 4-grams", "repetition"} <= set(found.columns)
    assert all(meaning_of(name) for name in found.columns)
    assert found.floor("copied (50 letters)") == 0
    assert not found.best("repetition")
    page = write_report(found).read_text()
    assert "<blockquote>" in page
    assert "gpt:<wbr>width=<wbr>16:<wbr>depth=<wbr>1</td>" in page


def test_what_cannot_be_told_apart_is_marked_alike(digits):
    def entry(name: str, value: float, data: str = "aa") -> Entry:
        made = Measurement("bits/dim", value, 0.1, Kind.BOUND, "bits/dim", 10, data)
        return dataclasses.replace(digits.entries[0], name=name, measurements=[made])

    three = [entry("a", 1.0), entry("b", 1.2), entry("c", 2.0)]
    assert dataclasses.replace(digits, entries=three).best("bits/dim") == {"a", "b"}
    unlike = [entry("a", 1.0), entry("b", 1.2, data="bb")]
    with pytest.raises(ValueError, match="share one protocol"):
        dataclasses.replace(digits, entries=unlike).best("bits/dim")


def test_nothing_to_compare():
    with pytest.raises(Mistake, match="At least one recipe"):
        compare("moons", [])


# --- curves -------------------------------------------------------------------------------------------------------


def test_curves_are_losses_first():
    rows = [
        {"step": step, "split": split, "part": 1.0 / step, "loss": 2.0 / step, "seconds": 0.1}
        for step in (1, 2, 3)
        for split in ("train", "valid")
    ]
    curves = curves_of(rows)
    assert [name for name, _ in curves] == ["loss", "valid loss", "part", "valid part"]
    assert draw_curves(curves).count("<polyline") == 4


@pytest.mark.parametrize("values", [[1.0], [1.0, 1.0], [0.0, 0.0], [1e9, -1e9], [5.0, None, 4.0]])
def test_odd_curves_are_drawn(values):
    rows = [{"step": i + 1, "split": "train", "loss": value} for i, value in enumerate(values)]
    text = draw_curves(curves_of(rows))
    assert "nan" not in text
    assert text.startswith("<svg")


def test_no_curves_no_figure():
    assert draw_curves(curves_of([])) == ""


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.2, 77.0), (1e-9, 3e-9), (1e6, 1.1e6)])
def test_ticks_lie_in_the_range(low, high):
    found = ticks(low, high)
    assert 2 <= len(found) <= 9
    assert all(low <= tick <= high * (1 + 1e-9) for tick in found)
