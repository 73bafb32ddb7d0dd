"""Programs that nobody has read: what they give is compared here, and whatever else they do comes to nothing."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from genzoo.tasks.execution import Limits, NotAllowed, Outcome, execute
from genzoo.tasks.execution.runner import decoded, encoded
from genzoo.tasks.execution.running import NAMESPACES, same
from tests.hostile_programs import CALLS, EXPECTED, PROGRAMS, has_namespaces, run_in, running, trial

OPEN = {"write outside", "read a key", "socket", "a race of links"}  # to a program without namespaces


@pytest.fixture(scope="module", autouse=True)
def unharmed() -> Iterator[None]:
    """This process has the files and children that it had before."""

    def there() -> tuple[set[str], str]:
        children = Path(f"/proc/self/task/{os.getpid()}/children")
        return set(os.listdir()), children.read_text() if children.exists() else ""

    before = there()
    yield
    assert there() == before


def test_there_are_twenty() -> None:
    assert len(PROGRAMS) == 20


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_hostile_are_contained(name: str, tmp_path: Path) -> None:
    found = trial(name, tmp_path)
    if name in OPEN and not has_namespaces():
        assert found.outcome.containment == "process group"
        assert not found.passed
        assert not found.running
        return
    assert found.contained, found
    assert not [place for place in tmp_path.iterdir() if place.name.startswith("genzoo-")]


@pytest.mark.parametrize("name", ["a daemon", "fork bomb", "os._exit(0)", "a forged verdict", "always equal"])
def test_without_namespaces_nothing_is_left_running(name: str, tmp_path: Path) -> None:
    found = trial(name, tmp_path, namespaces=False)
    assert found.outcome.containment == "process group"
    assert found.contained


def test_a_trial_sees_what_is_open(tmp_path: Path) -> None:
    """The same trials, where files are those of the user, see a file written and a key read."""
    for name, what in (("write outside", "written"), ("read a key", "told"), ("socket", "reached")):
        (folder := tmp_path / what).mkdir()
        assert getattr(trial(name, folder, namespaces=False), what)


def test_the_page_shows_every_program() -> None:
    """With what the record says became of it."""
    house = Path(__file__).parents[2]
    record = json.loads((house / "experiments" / "records" / "hostile_programs.json").read_text())
    page = (house / "docs" / "code.md").read_text()
    assert (record["contained"], record["of"], record["containment"]) == (20, 20, NAMESPACES)
    assert {each["program"] for each in record["programs"]} == set(PROGRAMS)
    for each in record["programs"]:
        assert each["contained"]
        (line,) = [line for line in page.splitlines() if line.startswith(f"| {each['program']} |")]
        assert each["detail"].replace("|", "/") in line


def test_right_programs_pass() -> None:
    found = execute("def f(x):\n    return x + 1\n", "f", CALLS, allow_running_code=True)
    assert found.how == "finished"
    assert found.gives(EXPECTED)
    assert not found.gives([2, 4])
    assert found.containment in (NAMESPACES, "process group")
    assert found.left == 0


def test_namespaces_show_nothing_of_the_machine() -> None:
    if not has_namespaces():
        pytest.skip("the kernel lets this user have no namespaces")
    text = "import os\ndef f(): return os.getpid(), sorted(os.environ), os.listdir('.'), os.path.exists('/proc')"
    found = execute(text, "f", [()], allow_running_code=True).results[0]["value"]
    assert found == (2, ["LC_CTYPE"], [], False)
    inside = "import os\ndef f(): return os.getuid(), [os.access(p, os.W_OK) for p in ('/usr', os.__file__)]"
    who, writable = execute(inside, "f", [()], allow_running_code=True).results[0]["value"]
    assert who != 0
    assert writable == [False, False]


def test_running_must_be_allowed() -> None:
    with pytest.raises(NotAllowed, match="--allow-running-code"):
        execute("def f(): pass", "f", [()])


def test_errors_are_told() -> None:
    asked = [("def f(:", "failed", "SyntaxError"), ("def g(): pass", "failed", "KeyError")]
    for text, how, words in asked:
        found = execute(text, "f", [()], allow_running_code=True)
        assert found.how == how
        assert words in found.detail
        assert not found.gives([None])
    found = execute("def f(x): return 1 // x", "f", [(0,), (1,)], allow_running_code=True)
    assert "ZeroDivisionError" in found.results[0]["error"]
    assert found.results[1] == {"value": 1}
    assert not found.gives([0, 1])


@pytest.mark.parametrize(
    "line",
    [
        b'{"results": [{"value": {"set": [[1]]}}, {"value": 3}]}',
        b'{"results": [{}, {}]}',
        b'{"results": 2}',
        b"[" * 100_000,
        b'{"results": [{"value": 1e',
        b"9" * 10_000,
    ],
)
def test_results_that_a_program_writes_itself(line: bytes) -> None:
    text = f"import os\nos.write(3, {line!r})\nos._exit(0)"
    found = execute(text, "f", CALLS, allow_running_code=True)
    assert found.how == "exited"
    assert not found.gives(EXPECTED)


def test_too_many_results(tmp_path: Path) -> None:
    text = "def f(x): return 'x' * 600_000"
    began = time.monotonic()
    found = run_in(tmp_path, text)
    assert found.how == "output"
    assert time.monotonic() - began < 2
    assert not running(tmp_path)


def test_values_come_back_as_they_were() -> None:
    value = [None, True, 1, 0.1, "ß", [1], (1, 2), {1, 2}, {"a": (1.5,), 2: [{}]}]
    assert same(decoded(encoded(value)), value)
    found = execute("def f(x): return x", "f", [(value,)], allow_running_code=True)
    assert found.gives([value])
    assert not same([True], [1])
    assert not same((1,), [1])
    assert not same({"a": 1}, {"a": 1.0})
    assert not same([1], [1, 2])
    with pytest.raises(TypeError, match="plain data"):
        encoded(object())
    with pytest.raises(ValueError, match="spelled"):
        decoded({"tuple": 3})


def test_an_outcome_gives_nothing_unless_it_finished() -> None:
    results = ({"value": 1},)
    assert Outcome("finished", results).gives([1])
    assert not any(
        Outcome(how, results).gives([1]) for how in ("failed", "killed", "exited", "wall", "output", "lost")
    )
    assert not Outcome("finished").gives([1])
    assert Limits().named["RLIMIT_CORE"] == (0, 0)
