"""Transport between weighted points as POT has it: exact plans, the formula on a line, Sinkhorn's plans."""

import torch
from torch import Tensor

N, M, EPSILON = 15, 11, 0.05


def answers() -> dict[str, Tensor]:
    import ot

    torch.manual_seed(0)
    x, y = torch.randn(N, 2, dtype=torch.float64), torch.randn(M, 2, dtype=torch.float64) + 1
    p, q = torch.rand(N, dtype=torch.float64), torch.rand(M, dtype=torch.float64)
    p, q = p / p.sum(), q / q.sum()
    made = {"x": x, "y": y, "p": p, "q": q}
    for k in (1, 2):
        cost = torch.cdist(x, y).pow(k).numpy()
        plan = ot.emd(p.numpy(), q.numpy(), cost)
        line = ot.wasserstein_1d(x[:, 0].numpy(), y[:, 0].numpy(), p.numpy(), q.numpy(), p=k)
        smooth = ot.bregman.sinkhorn_log(
            p.numpy(), q.numpy(), cost, EPSILON * cost.mean(), numItermax=50_000, stopThr=1e-12
        )
        made |= {f"cost_{k}": (plan * cost).sum(), f"plan_{k}": plan, f"line_{k}": line, f"smooth_{k}": smooth}
    return {name: torch.as_tensor(value, dtype=torch.float64) for name, value in made.items()}
