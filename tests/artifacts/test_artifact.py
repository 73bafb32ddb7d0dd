"""Graphs say what the model says, without genzoo; what cannot be a graph is refused with the reason."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genzoo import Mistake, Space
from genzoo.artifacts import CannotExport, Exported, export
from genzoo.artifacts.formats import written_onnx, written_pt2
from genzoo.artifacts.graph import answered, traced
from genzoo.artifacts.parity import difference, parity
from genzoo.artifacts.questions import questions
from genzoo.core import GenerativeModel, Given, Likelihood, Noise
from genzoo.distributions.levels import flattened
from genzoo.zoo import train
from tests.zoo import ready

BARE = """
import json, sys
sys.path.insert(0, ".")
import numpy as np
from noise import noise
graph = json.load(open("genzoo.json"))["graphs"][sys.argv[1]]
inputs = noise(graph, 5, 6, start=3) | dict(np.load("asked.npz"))
inputs = [inputs[each["name"]] for each in graph["inputs"]]
if sys.argv[2] == "onnx":
    import onnxruntime
    session = onnxruntime.InferenceSession(graph["files"]["onnx"])
    named = dict(zip([each["name"] for each in graph["inputs"]], inputs))
    (said,) = session.run(None, {each.name: named[each.name] for each in session.get_inputs()})
else:
    import torch
    said = torch.export.load(graph["files"]["pt2"]).module()(*map(torch.from_numpy, inputs)).numpy()
assert not [name for name in sys.modules if name.split(".")[0] in ("genzoo", "torch" if sys.argv[2] == "onnx" else "")]
np.save("said.npy", said)
"""


class Toy(GenerativeModel):
    """What a graph may stumble over: logits far from zero, terms that are impossible."""

    likelihood = Likelihood.EXACT

    def __init__(self) -> None:
        super().__init__(Space((3,)))
        self.weight, self.drop = nn.Parameter(torch.tensor([40.0, -40.0, 0.5])), nn.Dropout(0.5)

    def draw(self, n: int, given: Given, noise: Noise) -> Tensor:
        return self.drop(noise.normal(n, 3)) * self.weight

    def log_density(self, x: Tensor, given: Given, noise: Noise) -> Tensor:
        logs = nn.functional.logsigmoid(x * self.weight).sum(1, keepdim=True)
        return torch.cat([torch.where(logs > 1, logs, -torch.inf), logs], 1).logsumexp(1)


class Doubles(Toy):
    """What the runtime lacks for doubles, numbers that single floats have not, and two chains of clips of one value,
    which the exporter mixes up."""

    def log_density(self, x: Tensor, given: Given, noise: Noise) -> Tensor:
        scaled = x.detach().double() * self.weight
        smooth = nn.functional.softplus(scaled, beta=0.1).atan() + nn.functional.softplus(scaled)
        ends = scaled.clamp_max(3).clamp_min(1) + scaled.clamp_min(0).clamp_max(2)
        guarded = scaled.clamp(1e-300, 1 - 1e-12).log() - torch.full_like(scaled, 0.1).clamp_min(1e-300).log1p()
        filled = scaled.masked_fill(scaled > 0.1, 0.1) * torch.linspace(0.1, 0.7, 3, dtype=torch.float64)
        edges = torch.arange(4.0, dtype=torch.float64)
        below = torch.searchsorted(edges, scaled) + 10 * torch.searchsorted(edges, scaled, right=True)
        rows = scaled.detach().sort(1).values
        below = below + 100 * torch.searchsorted(rows, scaled, right=True)
        whole = torch.cat([below, torch.full_like(below, 3), torch.full(tuple(below.shape), 2)], 1).sum(1)
        return (smooth + ends + guarded + filled + torch.full((1, 3), 0.1, dtype=torch.float64)).sum(1) + whole


class Careless(Toy):
    """One that looks at its rows, one that draws for itself, one that takes very many steps."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault

    def draw(self, n: int, given: Given, noise: Noise) -> Tensor:
        x = noise.normal(n, 3)
        if self.fault == "looks" and x[0, 0] > 0:
            return -x
        if self.fault == "draws":
            return x + torch.randn(n, 3)
        if self.fault == "NumPy":
            return torch.from_numpy(x.numpy() * 2)
        for _ in range(5000 if self.fault == "steps" else 0):
            x = x + 1
        return x if self.fault != "other rows" else x + noise.normal(1, 3)


class Lost(Careless):
    """One whose density is careless, too."""

    def log_density(self, x: Tensor, given: Given, noise: Noise) -> Tensor:
        return torch.from_numpy(x.numpy()).sum(1)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export(ready("vae/given"), tmp_path_factory.mktemp("exports") / "vae")


def test_graphs_run_where_there_is_no_genzoo_and_say_what_it_says(found: Exported) -> None:
    model = ready("vae/given")
    given = torch.tensor([0, 1, 2, 2, 1, 0])
    x = model.sample(6, given, seed=1)
    np.savez(found.path / "asked.npz", x=x.numpy(), given=given.numpy())
    with torch.no_grad():
        wanted = {
            "sample": model.sample(6, given, seed=5, start=3).numpy(),
            "log_prob": model.log_prob(x, given, seed=5, start=3).numpy(),
        }
    for graph, kind in (("sample", "onnx"), ("log_prob", "onnx"), ("log_prob", "pt2")):
        command = [sys.executable, "-I", "-W", "ignore", "-c", BARE, graph, kind]
        done = subprocess.run(command, cwd=found.path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        said = np.load(found.path / "said.npy")
        assert said.dtype == wanted[graph].dtype
        assert np.allclose(said, wanted[graph], rtol=1e-5), (graph, kind)


def test_the_folder_says_what_is_in_it(found: Exported) -> None:
    about = json.loads((found.path / "genzoo.json").read_text())
    graphs = {f"{graph}.{kind}" for graph in ("sample", "log_prob") for kind in ("onnx", "pt2")}
    assert {path.name for path in found.path.iterdir()} >= {"README.md", "noise.py", "example.py", *graphs}
    inputs = {each["name"]: each for each in about["graphs"]["log_prob"]["inputs"]}
    assert inputs["x"]["shape"] == ["n", 1, 4, 5]
    assert inputs["given"]["dtype"] == "int64"
    assert inputs["normal_0"]["path"] == ["log_prob"]
    assert about["graphs"]["log_prob"]["parity"]["onnx"]["largest"] < 1e-4
    text = (found.path / "README.md").read_text()
    assert "| `x` | (n, 1, 4, 5) | uint8 |" in text
    assert "bound" in text
    done = subprocess.run([sys.executable, "example.py"], cwd=found.path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "(8, 1, 4, 5) uint8" in done.stdout


def test_the_files_themselves_tell_their_parity_and_hold_no_pickled_weights(found: Exported) -> None:
    import onnx

    told = {entry.key: entry.value for entry in onnx.load(found.path / "sample.onnx").metadata_props}
    assert json.loads(told["genzoo"])["graph"]["parity"]["onnx"]["checks"]["row alone"] == 0
    with zipfile.ZipFile(found.path / "sample.pt2") as archive:
        names = archive.namelist()
        configs = [json.loads(archive.read(name)) for name in names if name.endswith("_config.json")]
        extra = next(name for name in names if name.endswith("extra/genzoo.json"))
        assert "parity" in json.loads(archive.read(extra))["graph"]
    assert configs
    assert not [each for config in configs for each in config["config"].values() if each["use_pickle"]]
    assert not [name for name in configs[0]["config"] if ".encoder." in name], "what samples needs no encoder"
    home = str(Path(export.__code__.co_filename).parents[1]).encode()
    assert not [path for path in found.files.values() if home in path.read_bytes()], (
        "whose folders are nobody's matter"
    )


def test_far_out_a_graph_says_what_torch_says() -> None:
    """The runtime's own sigmoid and sum of exponentials lose what is far out."""
    model = Toy().eval()
    (question,) = (each for each in questions(model, {}) if each.name == "log_prob")
    program = traced(model, question)
    run = written_onnx(program, "log_prob").run
    x = torch.tensor([[1.0, 1.0, 1.0], [-30.0, 30.0, 5.0], [0.5, -0.5, 0.0]])
    with torch.no_grad():
        said = model.log_prob(x)
    assert said[1] < -2000
    assert difference(run([x]), said) < 1e-6
    assert parity(run, program, model, question).largest < 1e-5


def test_doubles_stay_doubles_and_clips_their_own() -> None:
    model = Doubles().eval()
    (question,) = (each for each in questions(model, {}) if each.name == "log_prob")
    program = traced(model, question)
    x = torch.tensor([[1.0, 1.0, 1.0], [-30.0, 30.0, 5.0], [0.01, 0.02, 0.4], [0.0, 1e-4, -1e-4], [1e3, 1e-6, 700.0]])
    with torch.no_grad():
        said = model.log_prob(x)
    assert said.dtype == torch.float64
    assert difference(written_onnx(program, "log_prob").run([x]), said) < 1e-14


def test_weights_stay_weights_where_there_is_no_linear_algebra() -> None:
    """A graph that is folded for nothing is traced twice."""
    question = next(questions(Doubles().eval(), {}))
    assert "model.weight" in traced(Doubles().eval(), question).program.state_dict


def test_parity_finds_what_differs_where_nobody_looks() -> None:
    model = Toy().eval()
    question = next(questions(model, {}))
    program = traced(model, question)
    run = written_pt2(program).run
    planted = {
        "other batch": lambda said, n: said if n in (4, 5) else said + 1,
        "row alone": lambda said, n: said if n > 1 else said + 1,
        "later rows": lambda said, n: said if n != 4 else said * 0,
        "far out": lambda said, n: said.clamp(-100, 100),
        "near nothing": lambda said, n: torch.where(said == 0, torch.nan, said),
    }
    for name, change in planted.items():
        with pytest.raises(CannotExport, match=name):
            parity(lambda inputs, change=change: change(run(inputs), len(inputs[0])), program, model, question)
    assert parity(run, program, model, question).largest == 0


def test_what_cannot_be_a_graph_is_refused_with_the_reason(tmp_path: Path) -> None:
    reasons = {
        "looks": "looks at values of its rows, in .*test_artifact.py, line",
        "draws": "draws numbers of its own, aten.randn",
        "NumPy": "leaves torch for NumPy, in",
        "steps": "more than 4,000 operations, one after another",
        "other rows": "must have a row for each row of x",
    }
    for fault, reason in reasons.items():
        with pytest.raises(CannotExport, match=reason):
            export(Careless(fault), tmp_path / fault, graphs=["sample"], formats=["pt2"])
    with pytest.raises(CannotExport, match=r"sample: .*values of its rows.*; log_prob: it leaves torch for NumPy"):
        export(Lost("looks"), tmp_path / "lost", formats=["pt2"])
    with pytest.raises(CannotExport, match="can be asked none of these graphs"):
        export(Toy(), tmp_path / "none", graphs=["encode"], formats=["pt2"])
    for wrong in ({"graphs": ["samples"]}, {"formats": ["pt"]}):
        with pytest.raises(Mistake, match="Did you mean"):
            export(Toy(), tmp_path / "wrong", **wrong)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    with pytest.raises(Mistake, match="folder of its own"):
        export(Toy(), tmp_path / "mine")


def test_a_table_with_words_is_wholly_exported(tmp_path: Path) -> None:
    """Columns that are ranked, counted and chosen from want quantiles and places among edges."""
    rows = [f"{'RROL'[i % 4]},{20 + i},{1.5 * i + i % 7}" for i in range(100)]
    (tmp_path / "shop.csv").write_text("\n".join(["city,age,income", *rows]))
    run = train("gaussian_mixture", tmp_path / "shop.csv", out=tmp_path / "run", steps=5, device="cpu")
    found = export(run, tmp_path / "exported", graphs=["sample"], formats=["onnx"])
    assert found.parity["sample", "onnx"].largest < 1e-5


def test_steps_stand_in_for_samples_of_many(tmp_path: Path) -> None:
    made = export(ready("made/few"), tmp_path / "made", formats=["pt2"])
    assert {name for name, _ in made.files} == {"log_prob", "logits"}
    assert "sample" in {name for name, _ in made.refused}
    model, question = ready("made/few"), {each.name: each for each in questions(ready("made/few"), {})}["logits"]
    x, said = question.rows(4, 0)["x"], answered(model, question, 4).output
    with torch.no_grad():
        total = said.gather(2, flattened(x, model.space)[..., None]).sum((1, 2))
        assert torch.allclose(total, model.log_prob(x), atol=1e-5)
    program = torch.export.load(made.files["logits", "pt2"]).module()
    assert torch.allclose(program(x), said, atol=1e-6)


def test_dropout_is_off_in_a_graph_and_on_again_after(tmp_path: Path) -> None:
    model = Toy().train()
    made = export(model, tmp_path / "toy", graphs=["sample"], formats=["pt2"])
    assert made.parity["sample", "pt2"].largest == 0
    assert model.training
    assert model.drop.training


def test_nothing_is_left_behind() -> None:
    checks, state = torch.distributions.Distribution._validate_args, torch.get_rng_state()
    traced(Toy(), next(questions(Toy(), {})))
    assert torch.distributions.Distribution._validate_args == checks
    assert torch.equal(torch.get_rng_state(), state)
    assert "len" not in vars(sys.modules["genzoo.core.model"])
