"""Environments: what a policy acts in, n copies side by side, with demonstrations of experts.

An `Environment` takes noise and actions and gives observations, all of them tensors with a row for each copy; what a
policy is, it does not know. `gymnasium_api` shows one through the interface of Gymnasium (extra `robots`).
"""

from genzoo._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "copies": ["Box", "Environment", "Step"],
        "demonstrations": ["Demonstrations", "demonstrated"],
        "fork": ["Fork"],
        "circles": ["Circles"],
        "maze": ["Maze"],
        "pusht": ["PushT"],
        "catalog": ["ENVIRONMENTS", "environment"],
        "gymnasium_api": ["as_gymnasium", "as_vector"],
    },
)
