"""genzoo: one toolkit for deep generative models, every family behind one contract, on your own data.

```python
import genzoo

run = genzoo.train("vae", "digits", steps=2000)
x = run.model.sample(16, seed=0)
```
"""

from genzoo._lazy import attach

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "core": ["Batch", "Capability", "GenerativeModel", "Likelihood", "Noise", "Player", "Space", "Unsupported"],
        "data": ["Data", "read"],
        "training": ["TrainConfig"],
        "evaluation": ["Measurement", "evaluate"],
        "zoo": [
            "Mistake",
            "Recipe",
            "Run",
            "from_pretrained",
            "infer",
            "load",
            "recipe_named",
            "recipes",
            "resume",
            "train",
        ],
        "artifacts": ["export"],
        "experiments.compare": ["compare"],
    },
)
