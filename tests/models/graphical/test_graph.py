"""Graphs, and matrices that are none."""

import numpy as np
import pytest
import torch
from scipy import sparse

from genzoo.models.graphical import Graph
from genzoo.models.graphical.graph import graph_of


@pytest.mark.parametrize("kind", [np.array, torch.tensor, sparse.csr_matrix, sparse.coo_array, list])
def test_a_symmetric_matrix_is_a_graph(kind: object) -> None:
    graph = Graph.of(kind([[0.0, 1.0, 0.0], [1.0, 0.0, -2.0], [0.0, -2.0, 0.0]]))
    assert graph.n == 3
    assert graph.edges.tolist() == [[0, 1], [1, 2]]
    assert graph.weights.tolist() == [1.0, -2.0]


def test_a_sparse_tensor_is_a_graph() -> None:
    assert Graph.of(torch.tensor([[0.0, 3.0], [3.0, 0.0]]).to_sparse()).weights.tolist() == [3.0]


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[0.0, 1.0], [2.0, 0.0]], r"symmetric, got J\[0, 1\] = 1.0 and J\[1, 0\] = 2.0"),
        ([[0.0, 1.0], [0.0, 0.0]], "symmetric"),
        ([[0.0, np.inf], [np.inf, 0.0]], "finite"),
        ([[0.0, np.nan], [np.nan, 0.0]], "finite"),
        ([[1.0, 1.0], [1.0, 0.0]], r"J\[0, 0\] = 1.0"),
        ([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]], "square"),
        ([0.0, 1.0], "square"),
    ],
)
def test_what_is_no_graph_is_refused(matrix: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Graph.of(matrix)


@pytest.mark.parametrize(
    ("edges", "weights", "message"),
    [
        ([[0, 3]], None, "sites 0 to 2, got 0 to 3"),
        ([[-1, 1]], None, "sites 0 to 2"),
        ([[1, 1]], None, "from 1 to itself"),
        ([[0, 1]], [np.inf], "finite"),
    ],
)
def test_edges_that_lead_nowhere_are_refused(edges: list, weights: list | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Graph.along(3, torch.tensor(edges), None if weights is None else torch.tensor(weights))


def test_a_graph_of_other_sites_is_refused() -> None:
    with pytest.raises(ValueError, match="9 entries"):
        graph_of(Graph.torus((2, 2)), 9)


def test_sides_of_two_count_double() -> None:
    assert Graph.torus((2, 3)).weights.tolist().count(2.0) == 3


def test_grids_join_what_is_near() -> None:
    graph = Graph.grid((2, 3, 4), radius=1.0)
    place = torch.cartesian_prod(torch.arange(2), torch.arange(3), torch.arange(4)).float()[:, 1:]
    near = torch.cdist(place, place) <= 1
    assert len(graph.edges) == int(near.triu(1).sum())
    assert not graph.weights.any()
    assert len(Graph.grid((5,)).edges) == 4
