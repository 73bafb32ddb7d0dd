"""What is installed and shipped: pins that hold, no forbidden package, a wheel with all it needs."""

import ast
import re
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import genzoo
from benchmarks import supply
from genzoo.apps.cli.doctor import BRINGS
from tests.source import nodes

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
FOR_DEVELOPERS = {"all", "dev", "docs", "oracles"}
OURS = {"genzoo", "tests", "benchmarks", "experiments"}
MODULES = {"pot": "ot", "scikit-learn": "sklearn", "pillow": "PIL", "pyyaml": "yaml"}  # named unlike their packages
TOOLS = {  # called by name: by the Makefile, by pytest, by mypy, by uvicorn, or by Sphinx as its configuration says
    "ruff", "mypy", "import-linter", "pytest-timeout", "types-PyYAML", "furo", "myst-parser",
    "httptools", "uvloop",
}  # fmt: skip
BROUGHT = {
    "docutils": "sphinx",
    "markupsafe": "jinja2",
    "pydantic_core": "pydantic",
    "typing_extensions": "pydantic",
}  # by a package that is declared, in whose name they act
OPTIONAL = {  # asked only where they are: another name of the same code, a user's own table, peers
    "lightning", "polars", "jax", "blackjax", "numpyro", "thrml", "hmmlearn",
    "normflows", "nflows", "torchcfm", "torchdiffeq", "diffusers", "gym_pusht", "schemathesis", "atheris",
}  # fmt: skip


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def needs() -> list[Requirement]:
    every = [*PROJECT["dependencies"], *(line for extra in EXTRAS.values() for line in extra)]
    return [need for need in map(Requirement, every) if need.name != "genzoo"]


@pytest.mark.parametrize("need", needs(), ids=str)
def test_every_direct_need_is_pinned_within_its_range(need: Requirement) -> None:
    pinned = {canonicalize_name(name): version for name, version in pins().items()}
    assert need.specifier.contains(pinned[canonicalize_name(need.name)])


def imported() -> set[str]:
    """Every package that a line of this project imports, by the name of its module."""
    found = set()
    for folder in ("src", "tests", "benchmarks", "experiments", "docs"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in nodes(path):
                found |= set(_modules(node))
    # torch brings the code for TensorBoard, which needs the package.
    found |= {"tensorboard"} if "torch.utils.tensorboard" in found else set()
    found |= {"python_multipart"} if "starlette.datastructures" in found else set()  # it reads forms by it
    return {name.partition(".")[0] for name in found} - set(sys.stdlib_module_names) - OURS


def _modules(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.level == 0:
        yield str(node.module)


def test_what_is_declared_is_imported_and_what_is_imported_is_declared() -> None:
    names = {need.name for need in needs()} - TOOLS
    declared = {MODULES.get(canonicalize_name(name), name.replace("-", "_")) for name in names}
    assert declared | set(BROUGHT) | OPTIONAL == imported() | OPTIONAL
    assert set(BROUGHT.values()) <= declared


def test_every_extra_says_what_it_brings() -> None:
    assert set(BRINGS) == set(EXTRAS) - FOR_DEVELOPERS


def test_every_pin_but_that_of_torch_has_a_hash() -> None:
    found = {name: version for name, (version, _) in supply.hashes().items()}
    assert found == supply.pins(), "run python -m benchmarks.supply lock"


def test_what_is_installed_fits_together_and_has_licences() -> None:
    found = supply.brought("dev")
    assert len(found) > 80
    assert supply.broken(found) == []
    shipped = supply.brought("all")
    assert [name for name, each in shipped.items() if not supply.licence_of(each)] == []
    assert [name for name, each in shipped.items() if supply.NO_LICENCE.search(supply.licence_of(each))] == []
    told = supply.bill(shipped)
    names = {part["name"] for part in told["components"]}
    assert names == set(shipped)
    assert all(set(link["dependsOn"]) <= names for link in told["dependencies"])
    of_the_lock = {name for name, each in shipped.items() if supply.pins().get(name) == each.version}
    assert {part["name"] for part in told["components"] if "hashes" in part} == of_the_lock


def test_what_does_not_fit_together_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    found = supply.brought("dev")
    monkeypatch.setattr(supply, "needed", lambda name: [(name, Requirement("numpy<1"))])
    assert all("needs numpy<1, got 2." in line for line in supply.broken(found))
    assert len(supply.broken(found)) == len(found)


def test_nothing_forbidden_is_pinned() -> None:
    """No GPU libraries, nothing that needs torchvision, none of the compromised releases."""
    forbidden = re.compile(r"nvidia-.*|triton|torchvision|torchaudio|torch-fidelity|lpips")
    assert not [name for name in pins() if forbidden.fullmatch(canonicalize_name(name))]
    assert pins().get("lightning-fabric") not in ("2.6.2", "2.6.3")


def test_all_means_every_extra_of_users() -> None:
    (everything,) = map(Requirement, EXTRAS["all"])
    assert everything.extras == set(EXTRAS) - FOR_DEVELOPERS


def test_every_installation_is_constrained() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    installs = [
        line for line in text.splitlines() if "pip install" in line and not line.lstrip().startswith(("#", "echo"))
    ]
    assert installs
    assert all("-c constraints.txt" in line for line in installs)


def test_the_changelog_knows_the_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert genzoo.__version__ in headings or headings[0] == "Unreleased"


def test_the_wheel_is_complete_and_repeatable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hatchling.builders.wheel as builders
    from hatchling.builders.sdist import SdistBuilder

    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    first = Path(next(builders.WheelBuilder(str(ROOT)).build(directory=str(tmp_path / "a"))))
    source = Path(next(SdistBuilder(str(ROOT)).build(directory=str(tmp_path))))
    with tarfile.open(source) as file:
        file.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    second = Path(next(builders.WheelBuilder(str(unpacked)).build(directory=str(tmp_path / "b"))))
    assert first.read_bytes() == second.read_bytes(), "the wheel is the same, built again of the source archive"
    shipped = {name for name in zipfile.ZipFile(first).namelist() if ".dist-info" not in name}
    source = {p for p in (ROOT / "src").rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    records = {f"genzoo/experiments/records/{p.name}" for p in (ROOT / "experiments" / "records").iterdir()}
    assert shipped == {p.relative_to(ROOT / "src").as_posix() for p in source} | records
    assert any(name.endswith("licenses/LICENSE") for name in zipfile.ZipFile(first).namelist())
