"""Directed graphs without cycles: each variable's parents, and an order in which parents come first."""

from collections.abc import Mapping, Sequence

__all__ = ["Parents", "ancestral_order", "parents_of"]

Parents = Sequence[Sequence[int]] | Mapping[int, Sequence[int]]


def parents_of(parents: Parents, n: int) -> tuple[tuple[int, ...], ...]:
    """The parents of each of n variables, checked.

    Args:
        parents: For each variable its parents; a mapping may leave out those that have none.
        n: The number of variables.

    Raises:
        ValueError: If a number names no variable, a parent is named twice, or there is a cycle; the cycle is named.

    Example:
        >>> parents_of({2: [0, 1]}, 3)
        ((), (), (0, 1))
        >>> parents_of({0: [2], 1: [0], 2: [1]}, 3)
        Traceback (most recent call last):
        ...
        ValueError: A Bayes net must have no cycle, got 0 → 1 → 2 → 0. Turn one of these arrows around.
    """
    if not isinstance(parents, Mapping) and len(parents) != n:
        raise ValueError(f"`parents` must have an entry for each of {n} variables, got {len(parents)}.")
    given = parents if isinstance(parents, Mapping) else dict(enumerate(parents))
    known = set(range(n))
    for child, above in given.items():
        if not known >= {child, *above} or len(set(above)) < len(above):
            raise ValueError(
                f"Parents must be unlike variables among 0 to {n - 1}, got {list(above)} for variable {child}."
            )
    checked = tuple(tuple(int(parent) for parent in given.get(i, ())) for i in range(n))
    ancestral_order(checked)
    return checked


def ancestral_order(parents: Sequence[Sequence[int]]) -> list[int]:
    """An order of the variables in which every parent comes before its children.

    Raises:
        ValueError: If there is a cycle; it is named.

    Example:
        >>> ancestral_order([[1], [], [0]])
        [1, 0, 2]
    """
    order: list[int] = []
    done: set[int] = set()
    for start in range(len(parents)):
        path, waiting = [start], [list(parents[start])]
        while path:
            if path[-1] in done or not waiting[-1]:
                last = path.pop()
                waiting.pop()
                if last not in done:
                    done.add(last)
                    order.append(last)
                continue
            above = waiting[-1].pop(0)
            if above in path:
                cycle = [*path[path.index(above) :], above][::-1]
                first = cycle.index(min(cycle))
                around = [*cycle[first:-1], *cycle[:first], cycle[first]]
                text = " → ".join(str(number) for number in around)
                raise ValueError(f"A Bayes net must have no cycle, got {text}. Turn one of these arrows around.")
            path.append(above)
            waiting.append(list(parents[above]))
    return order
