"""Tests that run side by side are reported as those that run one after the other."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONFTEST = """
import os, signal, pytest
from tests.copies import side_by_side

def pytest_runtestloop(session):
    side_by_side(session, 2)
    return True

@pytest.fixture(scope="session")
def shared(request, tmp_path_factory):
    yield os.getpid()
    (tmp_path_factory.getbasetemp().parent / f"closed-{os.getpid()}").touch()
"""
PASS = "import os\ndef test_a(shared): print('said'); assert shared == os.getpid()\n"
FAIL = (
    "import pytest\ndef test_b(shared): print('told'); assert shared == 0\ndef test_c(): pytest.skip('for a reason')\n"
)
CRASH = "import os, signal\ndef test_d(): os.kill(os.getpid(), signal.SIGKILL)\n"


def ran(folder: Path, *words: str, **files: str) -> tuple[int, str]:
    (folder / "conftest.py").write_text(CONFTEST)
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", f"--rootdir={folder}", *words]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(
        [*command, f"--basetemp={folder}/base", "."], cwd=folder, env=environment, text=True, capture_output=True
    )
    return done.returncode, done.stdout + done.stderr


def test_what_became_of_each_test_is_reported(tmp_path):
    status, said = ran(tmp_path, one=PASS, two=FAIL, three=PASS)
    assert status == 1
    assert "1 failed, 2 passed, 1 skipped" in said
    assert "for a reason" in said
    assert "== 0" in said
    assert "told" in said
    assert "said" not in said
    assert list(tmp_path.glob("closed-*"))


def test_the_first_failure_can_end_it(tmp_path):
    status, said = ran(tmp_path, "-x", one=FAIL)
    assert status == 1
    assert "stopping after 1 failures" in said


def test_a_copy_that_dies_is_no_success(tmp_path):
    status, said = ran(tmp_path, one=CRASH, two=PASS)
    assert status not in (0, 1)
    assert "got SIGKILL in test_one.py::test_d" in said
