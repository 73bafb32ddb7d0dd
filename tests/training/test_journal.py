import json

import torch

from genzoo.training.journal import Journal, Means


def test_a_journal_is_cut_back_to_where_it_stood(tmp_path):
    journal = Journal(tmp_path)
    journal.write({"step": 1, "split": "train", "loss": 2.0})
    size = journal.settle()
    journal.write({"step": 2, "split": "train", "loss": 1.0})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "sp')  # a kill in the middle of a line
    again = Journal(tmp_path, size)
    assert [row["step"] for row in again.rows] == [1]
    again.write({"step": 2, "split": "valid", "loss": 0.5})
    again.settle()
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(row["step"], row["split"]) for row in rows] == [(1, "train"), (2, "valid")]
    assert (tmp_path / "metrics.csv").read_text().splitlines()[2] == "2,valid,0.5"


def test_sums_survive_a_checkpoint_exactly():
    values = [torch.tensor(v, dtype=torch.float32) for v in (0.1, 0.7, 1e-9, 3.3)]
    whole, cut = Means(), Means()
    for value in values:
        whole.add({"loss": value})
    for value in values[:2]:
        cut.add({"loss": value})
    cut = Means(json.loads(json.dumps(cut.state())))
    for value in values[2:]:
        cut.add({"loss": value})
    assert whole.take() == cut.take()
    assert whole.take() == {}
