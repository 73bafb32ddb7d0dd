"""Transformers that were saved in the format of GPT-2, as ours.

A folder holds `config.json` and `model.safetensors`, as Hugging Face's transformers writes them. GPT-2's last symbol,
`<|endoftext|>`, stands before every text and after it, which is what the start and the end of a ragged space are.

References:
    Radford et al., 2019, "Language models are unsupervised multitask learners"
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from genzoo._files import read_json
from genzoo._weights import read_tensors
from genzoo.core.space import Space
from genzoo.models.autoregressive.gpt import GPT
from genzoo.nn.transformer import GPT2

__all__ = ["from_gpt2"]

CONFIG, WEIGHTS = "config.json", "model.safetensors"
OURS = {"ln_1": "norm1", "ln_2": "norm2", "attn.c_attn": "attention.qkv", "attn.c_proj": "attention.out"}
OURS |= {"mlp.c_fc": "up", "mlp.c_proj": "down"}
USUAL: dict[str, Any] = {  # what other checkpoints of the format may have otherwise
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-5,
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False,
    "tie_word_embeddings": True,
    "n_inner": None,
}


def from_gpt2(folder: str | Path) -> GPT:
    """A transformer with the weights of a folder in GPT-2's format, in eval mode; its logits are the same.

    Args:
        folder: Holds `config.json` and `model.safetensors`.

    Raises:
        ValueError: If the files are not of the format, or describe what the style `GPT2` is not.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     from_gpt2(folder)
        Traceback (most recent call last):
        ...
        ValueError: A folder in GPT-2's format must hold config.json and model.safetensors, got neither. ...
    """
    folder = Path(folder)
    if missing := [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]:
        got = "neither" if len(missing) == 2 else f"no {missing[0]}"
        raise ValueError(
            f"A folder in GPT-2's format must hold {CONFIG} and {WEIGHTS}, got {got}. Save the model by "
            "`save_pretrained(folder)`."
        )
    config = _config(folder / CONFIG)
    weights = _converted(read_tensors(folder / WEIGHTS))
    _check_sizes(config, weights)
    space = Space((config["n_positions"],), levels=config["vocab_size"] - 1, ragged=True)
    model = GPT(space, width=config["n_embd"], depth=config["n_layer"], heads=config["n_head"], style=GPT2)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{WEIGHTS} must hold what {CONFIG} describes. {error} Take both of one model.") from None
    return model.eval()


def _config(path: Path) -> dict[str, Any]:
    """What a configuration says.

    Raises:
        ValueError: If a size is missing, or something is not as GPT-2 has it.
    """
    try:
        found = read_json(path)
    except (ValueError, RecursionError):
        raise ValueError(f"{path.name} must be a JSON object, got something else. Fetch it again.") from None
    sizes = ("n_positions", "vocab_size", "n_embd", "n_layer", "n_head")
    if lacking := [name for name in sizes if type(found.get(name)) is not int]:
        raise ValueError(f"{path.name} must say {', '.join(sizes)}, got none for {lacking}. Take a GPT-2.")
    for name, usual in USUAL.items():
        asked = found.get(name, usual)
        if asked != usual and not (name == "n_inner" and asked == 4 * found["n_embd"]):
            raise ValueError(f"{name} must be {usual!r}, as GPT-2 has it, got {asked!r}. Take another model.")
    return found


def _check_sizes(config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
    """Refuses what a configuration asks for where the weights are not of that size, before a model is built.

    Raises:
        ValueError: If a size is another one.
    """
    width, layers = config["n_embd"], {name.split(".")[2] for name in weights if name.startswith("transformer.blocks")}
    shapes = {"table.weight": (config["vocab_size"], width), "place.weight": (config["n_positions"], width)}
    shapes |= {f"transformer.blocks.{layer}.attention.qkv.weight": (3 * width, width) for layer in layers}
    there = {name: tuple(weights[name].shape) if name in weights else None for name in shapes}
    odd = next((name for name, shape in shapes.items() if there[name] != shape), None)
    if odd or len(layers) != config["n_layer"] or not 0 < config["n_head"] <= width or 0 in shapes["table.weight"]:
        got = f"{odd!r} of shape {there[odd]}" if odd else f"{len(layers)} layers, {config['n_head']} heads"
        raise ValueError(f"{WEIGHTS} must hold what {CONFIG} describes, got {got}. Take both of one model.")


def _converted(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """GPT-2's weights under our names; its linear maps are stored the other way round."""
    ours: dict[str, Tensor] = {}
    for full, tensor in weights.items():
        name = full.removeprefix("transformer.")
        layer, _, rest = name.removeprefix("h.").partition(".")
        part, _, kind = rest.rpartition(".")
        if name in ("wte.weight", "wpe.weight"):
            ours[{"wte.weight": "table.weight", "wpe.weight": "place.weight"}[name]] = tensor
        elif name.startswith("ln_f."):
            ours[f"transformer.norm.{rest}"] = tensor
        elif name.startswith("h.") and part in OURS:
            turned = tensor.T.contiguous() if kind == "weight" and "ln" not in part else tensor
            ours[f"transformer.blocks.{layer}.{OURS[part]}.{kind}"] = turned
        elif name != "lm_head.weight" and not name.endswith(("attn.bias", "attn.masked_bias")):  # tied, and masks
            ours[name] = tensor
    return ours
