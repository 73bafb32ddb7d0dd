"""What the page of sources says of real data sets is what reading them says."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.test_docs import ROOT, blocks


def sources() -> Iterator[tuple[str, list[str]]]:
    """Every `$ genzoo data check …` of the page of sources, with what stands below it."""
    for block in blocks(ROOT / "docs/sources.md", "console"):
        line, *said = block.splitlines()
        if "data check" in line:
            yield line.removeprefix("$ genzoo "), said


@pytest.mark.skipif("GENZOO_DATA" not in os.environ, reason="GENZOO_DATA names no folder of data sets")
@pytest.mark.parametrize(("line", "said"), list(sources()), ids=lambda part: part.split()[2] if "data" in part else "")
def test_sources_are_read_as_the_page_says(
    line: str, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENZOO_CACHE", str(tmp_path))
    from genzoo.apps.cli import app

    result = CliRunner().invoke(app, shlex.split(line), env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    found = {" ".join(row.split()) for row in result.stdout.splitlines()}
    assert {" ".join(row.split()) for row in said} <= found
    assert "fingerprint" in result.stdout
