"""The house rules, as tests: budgets of size, what is never called, what importing may cost."""

import ast
import functools
import importlib
import re
import statistics
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.fresh import Fresh
from tests.source import (
    FILES,
    ROOT,
    Function,
    docstring_lines,
    functions,
    length,
    lines_in,
    lines_of,
    name_of,
    nine_in_ten,
    nodes,
    tree,
)

PACKAGE = ROOT / "src" / "genzoo"
ALL_FILES = [*FILES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]

CORE_NAMES = (
    "Ability Autoencoder Batch Capability Column Conditional Denoise Denoiser DirectFit Done GenerativeModel "
    "Given GivenAsked GivenLike GivenSpace GivenSpaceLike Instant Latent Likelihood Metrics NOTHING Noise "
    "NumbersLike Objective Player Sequential Space Trainable Unsupported as_given as_given_space complete fresh_seed "
    "is_null map_given null_like null_rows seeded"
)


def code_lines(path: Path) -> int:
    """Lines of a file that are code: neither blank, nor comment, docstring or import."""
    prose = set().union(*(docstring_lines(node) for node in nodes(path)))
    prose |= set().union(*(lines_of(node) for node in nodes(path) if isinstance(node, ast.Import | ast.ImportFrom)))
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    return sum(bool(line.strip()) and not line.strip().startswith("#") and i not in prose for i, line in lines)


class Call(NamedTuple):
    """A call as far as its text tells: the full dotted name, its place, and what encloses it."""

    path: Path
    node: ast.Call
    name: str
    inside: tuple[str, ...]

    def __str__(self) -> str:
        return f"{name_of(self.path)}:{self.node.lineno}: {self.name}"


def aliases(path: Path) -> dict[str, str]:
    """Local names to what they were imported from: np → numpy, load → torch.load."""
    found = {}
    for node in nodes(path):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def dotted(node: ast.expr, names: dict[str, str]) -> str:
    """The full name of an expression; `?` stands for what only running would tell."""
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value, names)}.{node.attr}"
    return f"{dotted(node.func, names)}()" if isinstance(node, ast.Call) else "?"


def calls(path: Path) -> Iterator[Call]:
    names = aliases(path)

    def visit(node: ast.AST, inside: tuple[str, ...]) -> Iterator[Call]:
        if isinstance(node, Function):
            inside = (*inside, node.name)
        if isinstance(node, ast.Call):
            name = dotted(node.func, names)
            yield Call(path, node, name, inside)
            inside = (*inside, name)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside)

    return visit(tree(path), ())


@functools.cache
def every_call() -> list[Call]:
    return [call for path in FILES for call in calls(path)]


# --- size ---------------------------------------------------------------------------------------------------------


def test_functions_are_short() -> None:
    lengths = sorted(length(node) for _, node in functions())
    assert statistics.median(lengths) <= 6
    assert nine_in_ten(lengths) <= 20
    assert not [
        f"{name_of(path)}:{node.name} has {length(node)} lines" for path, node in functions() if length(node) > 60
    ]


def test_files_are_short() -> None:
    assert not {name_of(path): n for path in ALL_FILES if (n := lines_in(path)) > 500}


def test_functions_take_few_arguments() -> None:
    """At most eight; recipes and commands are exempt, for their arguments are the configuration."""
    broken = []
    for path, node in functions():
        decorators = [dotted(d.func if isinstance(d, ast.Call) else d, {}) for d in node.decorator_list]
        if "recipe" in decorators or "apps" in path.parts:
            continue
        arguments = node.args
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        if sum(a is not None and a.arg not in ("self", "cls") for a in every) > 8:
            broken.append(f"{name_of(path)}:{node.name}")
    assert not broken


def test_core_is_small() -> None:
    assert sum(code_lines(path) for path in FILES if path.parent == PACKAGE / "core") <= 695


def test_core_keeps_its_names() -> None:
    """The contract's surface: a change here is a change of the contract, to be made on purpose."""
    assert sorted(importlib.import_module("genzoo.core").__all__) == sorted(CORE_NAMES.split())


@pytest.mark.parametrize("path", [p for p in FILES if p.name == "__init__.py"], ids=lambda p: p.parent.name)
def test_packages_deliver_what_they_promise(path: Path) -> None:
    package = importlib.import_module(".".join(path.parent.relative_to(ROOT / "src").parts))
    for name in package.__all__ if "__all__" in dir(package) else ():
        assert getattr(package, name) is not None


def test_import_contracts_name_every_package() -> None:
    """import-linter judges what it is told of: all families, and all that must not know a model."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    contracts = {contract["name"].split(":")[0]: contract for contract in settings["contracts"]}
    families = {f"genzoo.models.{path.parent.name}" for path in (PACKAGE / "models").glob("*/__init__.py")}
    assert set(contracts["Families never import each other"]["modules"]) == families
    blind = contracts["Training, evaluation, tasks and testing know the contract, never a model"]["source_modules"]
    wanted = [name for name in ("training", "evaluation", "tasks", "testing") if (PACKAGE / name).is_dir()]
    assert blind == [f"genzoo.{name}" for name in wanted]


def test_the_zoo_mirrors_the_models() -> None:
    """A family of models has a file or a folder of recipes of its name, where all its recipes are, and none else."""
    from genzoo.zoo import recipes

    families = {path.parent.name for path in (PACKAGE / "models").glob("*/__init__.py")}
    named = {path.stem for path in (PACKAGE / "zoo").iterdir()} & families
    assert named == families
    homes = {name: info.function.__module__.split(".")[2] for name, info in recipes().items()}
    assert not {name for name, info in recipes().items() if info.family != homes[name]}
    assert set(homes.values()) == families | {"latent"}  # which joins autoencoders with any of them


# --- safety -------------------------------------------------------------------------------------------------------

UNSAFE_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
UNSAFE_CALLS = re.compile(
    r"torch\.load|torch\.(hub|jit|package)\..*|eval|exec|compile|__import__|builtins\.(eval|exec|compile|__import__)"
    r"|yaml\.(load|load_all|unsafe_load|full_load|unsafe_load_all|full_load_all)|.*\.read_pickle|.*\.load_from_checkpoint"
    r"|os\.(system|popen)|runpy\..*"
)
# Modules by name: our own lazy packages, and our own recipes with the entry points that their users installed.
IMPORTERS = {"src/genzoo/_lazy.py", "src/genzoo/zoo/recipe.py", "src/genzoo/experiments/lectures/catalog.py"}


def imported(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def off(word: ast.keyword) -> bool:
    return isinstance(word.value, ast.Constant) and word.value.value is False


# A program that a user wants run is compiled in an interpreter of its own, which this file's text is given to.
RUNNER = PACKAGE / "tasks" / "execution" / "runner.py"


def test_nothing_is_unpickled_or_evaluated() -> None:
    assert not [name_of(path) for path in FILES if UNSAFE_MODULES & set(imported(path))]
    unsafe = [call for call in every_call() if UNSAFE_CALLS.fullmatch(call.name)]
    assert not [str(call) for call in unsafe if call.path != RUNNER]
    assert sorted(call.name for call in unsafe) == ["compile", "exec"]
    words = [(call, word) for call in every_call() for word in call.node.keywords]
    assert not [
        str(call) for call, word in words if word.arg in ("allow_pickle", "trust_remote_code") and not off(word)
    ]
    assert not [str(call) for call, word in words if call.name == "numpy.load" and word.arg is None]


def test_no_module_is_imported_by_name() -> None:
    finders = ("importlib.import_module", "importlib.util.find_spec")
    assert not [str(c) for c in every_call() if c.name in finders and name_of(c.path) not in IMPORTERS]


def protocols(path: Path) -> set[str]:
    """The protocols of a file that could be asked for at run time."""
    classes = [node for node in nodes(path) if isinstance(node, ast.ClassDef)]
    return {each.name for each in classes if any(ast.unparse(d) == "runtime_checkable" for d in each.decorator_list)}


def test_no_module_is_asked_whether_it_is_a_protocol() -> None:
    """`isinstance` would not see its parts: see genzoo/_like.py."""
    every = set().union(*map(protocols, FILES))
    asked = [call for call in every_call() if call.name == "isinstance" and PACKAGE in call.path.parents]
    kinds = {call: {each.id for each in ast.walk(call.node.args[1]) if isinstance(each, ast.Name)} for call in asked}
    assert every
    assert not {str(call): found & every for call, found in kinds.items() if found & every}


def test_nothing_is_skipped_for_want_of_a_package() -> None:
    """What the tests use is in the extra `dev`."""
    tests = (path for path in ALL_FILES if "tests" in path.parts and "importorskip" in path.read_text("utf-8"))
    assert not [str(call) for path in tests for call in calls(path) if call.name.endswith("pytest.importorskip")]


TERMINAL = re.compile(r"print|typer\.(echo|secho)|click\..*|rich\.(print|console\.Console)"
                      r"|sys\.std(out|err)\.write|traceback\.print_.*|logging\.(basicConfig|Formatter)")  # fmt: skip


def test_the_terminal_is_reached_in_one_place() -> None:
    """Words from data come there, which must not move its cursor."""
    home = PACKAGE / "zoo" / "terminal.py"
    assert not [str(call) for call in every_call() if call.path != home and TERMINAL.fullmatch(call.name)]


OPENERS = re.compile(
    r"open|.*\.(open|read_text|read_bytes)|(gzip|bz2|lzma|io|os)\.open|.*\.open_file|zipfile\.ZipFile"
)
OPENED = {  # members of what is open, bytes in memory, and files of genzoo's own
    "data/cache.py", "data/codecs/audio.py", "data/codecs/clips.py", "data/marks.py", "data/numpy_files.py",
    "data/pixels.py", "data/readers/archive.py", "data/readers/embedded.py", "tasks/execution/guard.py",
    "training/checkpoint.py",
}  # fmt: skip


def writes(call: Call) -> bool:
    return any(isinstance(word, ast.Constant) and str(word.value)[:1] in "wa" for word in call.node.args)


def test_files_are_opened_in_one_place() -> None:
    """A pipe, a device or a bomb is refused in `_files`; what stands elsewhere is listed, and looked at."""
    calls = [call for call in every_call() if OPENERS.fullmatch(call.name) and not call.name.startswith("genzoo.")]
    places = {call.path.relative_to(PACKAGE).as_posix() for call in calls if not writes(call)}
    assert places - {"_files.py"} == OPENED


# --- randomness ---------------------------------------------------------------------------------------------------

RANDOM_CALLS = re.compile(
    r"torch\.(rand\w*|normal|bernoulli|multinomial|poisson|binomial|seed|manual_seed|Generator|dropout)"
    r"|torch\.(cuda|random)\.(manual_seed|seed|fork_rng)\w*|numpy\.random\.(?!get_state).*|random\..*|secrets\..*"
    r"|.*\.(rsample|sample_n|rsample_n|normal_|uniform_|bernoulli_|random_|exponential_|cauchy_|log_normal_|geometric_)"
)
INITIALIZES = re.compile(
    r"torch\.nn\.Parameter|torch\.nn\.init\..*|nn\.Parameter|self\.register_buffer|_?reset_parameters|_?initialize\w*|_?init_\w+"
)


def is_random(call: Call) -> bool:
    """Whether a call draws from global randomness; `x.sample()` without a count is a distribution's."""
    if any(INITIALIZES.fullmatch(name) for name in (call.name, *call.inside)):
        return False
    node = call.node
    bare = not node.args and all(word.arg == "sample_shape" for word in node.keywords)
    shaped = bool(node.args) and isinstance(node.args[0], ast.Tuple | ast.List)
    return bool(RANDOM_CALLS.fullmatch(call.name)) or (call.name.endswith(".sample") and (bare or shaped))


def test_every_draw_comes_from_noise() -> None:
    papers = PACKAGE / "experiments" / "published.py"  # whose rows are those of a generator with their seed
    tried = PACKAGE / "experiments" / "lectures" / "uniform.py"  # a generator that is itself under test
    homes = {PACKAGE / "core" / "noise.py", papers, tried}
    assert not [str(call) for call in every_call() if call.path not in homes and is_random(call)]


# --- text ---------------------------------------------------------------------------------------------------------


def test_annotations_are_real() -> None:
    """Shapes are checked where they are written, so annotations are evaluated."""
    named = (path for path in ALL_FILES if "__future__" in path.read_text(encoding="utf-8"))
    assert not [name_of(path) for path in named if "__future__" in imported(path)]


def texts() -> Iterator[Path]:
    kinds = {".py", ".md", ".toml", ".txt", ".yaml", ".j2", ".json", ".css", ".html", ".cfg"}
    for folder in (ROOT, *(ROOT / name for name in ("src", "tests", "docs", "benchmarks", "experiments"))):
        found = folder.glob("*") if folder == ROOT else folder.rglob("*")
        yield from (p for p in found if p.is_file() and p.suffix in kinds and "_build" not in p.parts)


def test_no_path_of_a_machine_is_written_down() -> None:
    place = re.compile(r"(?<![\w.}])/(?:home|root|Users|work|farm|opt|mnt)/\w")
    assert not [name_of(path) for path in texts() if place.search(path.read_text(encoding="utf-8"))]


def models() -> Iterator[tuple[Path, ast.ClassDef]]:
    """The classes in the families' folders that are models."""
    for path in (PACKAGE / "models").glob("*/*.py"):
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and "GenerativeModel" in (dotted(base, {}) for base in node.bases):
                yield path, node


def test_methods_name_their_source() -> None:
    """A model cites the paper that it follows, where it is defined or at the head of its file."""
    silent = []
    for path, node in models():
        prose = [ast.get_docstring(node) or "", ast.get_docstring(tree(path)) or ""]
        if not any("References:" in text for text in prose):
            silent.append(f"{name_of(path)}:{node.name}")
    assert not silent


OFFERED = [path for path in FILES if not {"apps", "experiments"} & set(path.relative_to(PACKAGE).parts)]
SAID = re.compile(r"^(Args|Raises):\n(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
TORCHS = {"validate_args"}


def offered() -> Iterator[tuple[str, Function, str]]:
    """What modules offer and is called: where, the function (of a class, how it is made), and what is said of it."""
    for path in OFFERED:
        names = exported(path)
        for node in tree(path).body:
            if not isinstance(node, Function | ast.ClassDef) or node.name not in names:
                continue
            made = [
                part
                for part in getattr(node, "body", [])
                if getattr(part, "name", "") in ("__init__", "__post_init__")
            ]
            for function in made if isinstance(node, ast.ClassDef) else [node]:
                prose = {ast.get_docstring(node) or "", ast.get_docstring(function) or ""}
                yield f"{name_of(path)}:{node.name}", function, "\n".join(prose)


def within(node: ast.AST) -> Iterator[ast.AST]:
    """What stands in a function, but for functions in it."""
    for part in ast.iter_child_nodes(node):
        if not isinstance(part, Function):
            yield part
            yield from within(part)


def exported(path: Path) -> set[str]:
    """The names in `__all__`."""
    listed = [
        node.value
        for node in tree(path).body
        if isinstance(node, ast.Assign) and dotted(node.targets[0], {}) == "__all__"
    ]
    return {part.value for value in listed for part in ast.walk(value) if isinstance(part, ast.Constant)}


def test_errors_that_are_raised_are_told() -> None:
    """What is offered names the errors that stand in its own lines."""
    silent = []
    for place, function, prose in offered():
        raised = {dotted(node.exc.func, {}).partition(".")[0] for node in within(function)
                  if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)}  # fmt: skip
        told = "".join(text for kind, text in SAID.findall(prose) if kind == "Raises")
        silent += [f"{place}: {name}" for name in raised if name[0].isupper() and f"{name}:" not in told]
    assert not silent


def test_arguments_are_told_whole_or_not_at_all() -> None:
    """Where arguments are explained, all are; what settings of recipes mean is the glossary's."""
    silent = []
    for place, function, prose in offered():
        told = "".join(text for kind, text in SAID.findall(prose) if kind == "Args")
        names = {
            name.strip(" *")
            for heads in re.findall(r"^    ([\w*, ]+):", told, re.MULTILINE)
            for name in heads.split(",")
        }
        own = {each.arg for each in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)}
        if names and "/zoo/" not in place and (lacking := own - names - TORCHS - {"self", "cls"}):
            silent.append(f"{place}: {', '.join(sorted(lacking))}")
    assert not silent


# --- circles ------------------------------------------------------------------------------------------------------


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in FILES}


def neighbors(path: Path) -> set[str]:
    """The modules of the package that a file imports, also inside functions or for types alone."""
    found: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found.update(name if name in MODULES else node.module for name in names)
    return found & set(MODULES) - {module_of(path)}


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Whatever imports nothing that is left can be taken away; what stays stands in a circle or before one."""
    left = {name: neighbors(path) for name, path in MODULES.items()}
    while free := [name for name, imports in left.items() if not imports & set(left)]:
        for name in free:
            del left[name]
    assert not left


# --- importing ----------------------------------------------------------------------------------------------------


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_imports_no_torch() -> None:
    """Nor does asking the command line, see `apps/test_cli.py`."""
    run("""
        import sys
        import genzoo
        assert "torch" not in sys.modules, [name for name in sys.modules if name.startswith("genzoo")]
    """)


def test_importing_changes_nothing(fresh: Fresh) -> None:
    """Importing every module leaves torch, NumPy and the process as they were."""
    done = fresh("""
        import importlib, logging, os, pkgutil, random, signal, sys
        import numpy as np, torch

        def state():
            return [torch.get_default_dtype(), torch.get_num_threads(), torch.get_rng_state().tolist(),
                    torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled(),
                    torch.get_float32_matmul_precision(), str(np.random.get_state()), random.getstate(),
                    dict(os.environ), os.getcwd(),
                    [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)], list(logging.root.handlers)]

        def import_all():
            for name in [name for name in sys.modules if name.split(".")[0] == "genzoo"]:
                del sys.modules[name]
            import genzoo
            for module in pkgutil.walk_packages(genzoo.__path__, "genzoo."):
                importlib.import_module(module.name)

        import_all()  # what else it needs, with the side effects that others have
        before = state()
        import_all()
        assert [i for i, (a, b) in enumerate(zip(before, state())) if a != b] == []
    """)
    assert done.returncode == 0, done.stderr
