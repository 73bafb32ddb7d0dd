"""Planted bugs: that each can be planted in the sources as they are."""

import pytest

from benchmarks.mutations import ROOT, files_for, planted

FAMILIES = {path.name for path in (ROOT / "src" / "genzoo" / "models").iterdir() if (path / "__init__.py").is_file()}


def test_every_family_has_twelve_bugs_of_several_kinds():
    bugs = planted()
    assert set(bugs) == FAMILIES | {"distributions", "evaluation", "tasks"}
    assert {family: len(found) for family, found in bugs.items() if len(found) != 12} == {}
    assert all(len({bug.kind for bug in found}) >= 4 for found in bugs.values())


@pytest.mark.parametrize("family", planted())
def test_every_edit_fits_the_sources_once(family):
    bugs = planted()[family]
    assert [bug.old for bug in bugs if not bug.fits or bug.old == bug.new] == []
    assert all(files_for(bug) for bug in bugs[:1])
