"""What data hold reaches no terminal raw: names of columns, words in cells, folders of classes, file names."""

import io
import logging
import re
from pathlib import Path

import pytest
from PIL import Image
from rich.progress import BarColumn, Progress, TextColumn
from typer.testing import CliRunner

from genzoo.apps.cli import app
from genzoo.apps.cli.words import print_json, print_table
from genzoo.zoo.terminal import Lines, Screen, say, visible

EVIL = "\x1b[31mred\x1b]0;title\x07\x9b2J\u202e\x08"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")


def test_nothing_unseen_is_left_and_all_else_is() -> None:
    assert not RAW.search(visible(EVIL))
    assert "\\u001b[31mred" in visible(EVIL)
    assert visible("café\tnaïve\n→ 漢字 ❄") == "café\tnaïve\n→ 漢字 ❄"
    assert visible("\ud800") == "\\ud800"


def test_every_way_out_is_visible(capsys: pytest.CaptureFixture[str]) -> None:
    say(EVIL)
    say(EVIL, err=True)
    print_table((EVIL, "b"), [(EVIL, 1)], title=EVIL)
    print_json({EVIL: EVIL})
    said = capsys.readouterr()
    assert said.out.count("title") >= 5
    assert not RAW.search(said.out + said.err)
    assert not RAW.search(Lines("%(message)s").format(logging.makeLogRecord({"msg": EVIL})))


def test_a_bar_and_markup_are_plain() -> None:
    out = io.StringIO()
    screen = Screen(file=out, width=200, force_terminal=True, color_system=None)
    with Progress(TextColumn("{task.description}", markup=False), BarColumn(), console=screen) as bar:
        bar.add_task(EVIL, total=2, completed=1)
    screen.print("[/] [red]x[/red]", EVIL)
    assert "\x1b[31m" not in out.getvalue()
    assert "\x1b]" not in out.getvalue()
    assert "\x07" not in out.getvalue()
    assert "[/] [red]x[/red]" in out.getvalue()


def test_commands_on_data_with_escape_sequences(tmp_path: Path) -> None:
    table = tmp_path / "evil.csv"
    table.write_text(f"a,{EVIL}\n" + f"1,{EVIL}\n2,blue\n" * 6)
    pets = tmp_path / "pets"
    for name in (EVIL.replace("/", ""), "dog"):
        (pets / name).mkdir(parents=True)
        for i in range(6):
            Image.new("L", (4, 4), 9 * i).save(pets / name / f"{i}.png")
    (pets / "dog" / f"{EVIL}.png").write_bytes(b"no picture")
    for words in (["data", "check", str(table)], ["data", "check", str(pets), "--given", "label"],
                  ["data", "check", str(table), "--json"], ["data", "check", str(table), "--x", EVIL + "?"],
                  ["train", "vae", "--data", str(pets)], ["train", "vae", "--data", EVIL]):  # fmt: skip
        done = CliRunner().invoke(app, words)
        assert "red" in done.output, words
        assert not RAW.search(done.output), words
