"""What every test stands on: one thread, a seed of its own, no network, a budget."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gc
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jaxtyping
import pytest

from tests import typed
from tests.budget import SLACK, Clock, Ledger
from tests.copies import side_by_side
from tests.fresh import Fresh

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
SHAPED = {"conformance", "core"}  # folders whose tests call whatever has shapes; elsewhere checks would cost a quarter
CHECKED, REPEATED = 300, 50  # calls that are checked in a test there, and in one that makes the same ones again

jaxtyping.install_import_hook(
    [f"genzoo.{package}" for package in ("core", "distributions", "models", "nn")],
    "importlib.import_module('tests.typed').checked",
)


MANY = 1000  # tests, among which some will need what takes seconds to load: here once, or once in every copy
CLOCK, LEDGER = Clock(), Ledger()
_file = [Path()]  # of the test before


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--copies", type=int, default=1, help="processes that run tests side by side")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    copies = session.config.getoption("copies")
    if copies < 2 or session.testsfailed or session.config.option.collectonly:
        return None
    side_by_side(session, copies)
    return True


def pytest_collection_finish(session: pytest.Session) -> None:
    """What there is by now stays, and need not be looked through again and again for what may go."""
    if session.config.getoption("copies") > 1 and len(session.items) > MANY:
        import numba  # noqa: F401
        import torch._dynamo  # noqa: F401
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def _settle(path: Path) -> None:
    """What the files of tests before this one left stays too: to look through all of it takes a second each time."""
    _, some, many = gc.get_count()
    if path != _file[0] and (many or some > 4):
        gc.collect()
        gc.freeze()
    _file[0] = path


def pytest_runtest_setup(item: pytest.Item) -> None:
    _settle(item.path)
    shaped = item.path.parent.name in SHAPED
    typed.begin(shaped * (REPEATED if item.name.startswith("test_it_trains") else CHECKED))
    CLOCK.begin()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    yield
    item.user_properties.append(("processor seconds", CLOCK.end()))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Where all reports come together, whichever process ran the test."""
    LEDGER.add(report.nodeid, dict(report.user_properties).get("processor seconds", 0.0) * (report.when == "teardown"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for line in LEDGER.over():
        terminalreporter.write_line(f"BUDGET {line}", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if LEDGER.over(SLACK) and not session.exitstatus:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def fresh(pytestconfig: pytest.Config) -> Fresh:
    """Runs code in a fresh process."""
    made = Fresh()
    pytestconfig.add_cleanup(made.close)  # when all is over, so that no test is charged with it
    return made


@pytest.fixture(scope="session", autouse=True)
def _short_grids() -> Iterator[None]:
    """Runs of a few steps would draw for three seconds; those that look at the drawing take their time back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genzoo.training.budget.LEAST", 0.1)
        yield


@pytest.fixture(scope="module", autouse=True)
def _no_more_than_needed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a file of tests has written goes with it, unless one failed: of all files it would fill a small disk."""
    yield
    if not request.session.testsfailed:
        for path in tmp_path_factory.getbasetemp().iterdir():
            shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(autouse=True)
def _own_random_state() -> Iterator[None]:
    from genzoo.core import seeded  # once its imports are hooked; torch's own seeding is slower than most tests

    with seeded(0):
        yield


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in LOOPBACK:
            raise RuntimeError(f"A test must not leave this machine, got a connection to {address}. Use a fixture.")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
