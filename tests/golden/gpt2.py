"""GPT-2 as Hugging Face's transformers has it, small and with random weights: logits, loss, and filters of choice."""

import torch
from torch import Tensor

SYMBOLS, PLACES, WIDTH, DEPTH, HEADS = 40, 20, 24, 2, 3


def answers() -> dict[str, Tensor]:
    from transformers import GPT2Config, GPT2LMHeadModel
    from transformers.generation.logits_process import TopKLogitsWarper, TopPLogitsWarper

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=SYMBOLS,
        n_positions=PLACES,
        n_embd=WIDTH,
        n_layer=DEPTH,
        n_head=HEADS,
        attn_implementation="eager",
        bos_token_id=None,
        eos_token_id=None,
    )
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # gains off one, biases off zero, so that they matter
            parameter.add_(0.1 * torch.randn_like(parameter))
        tokens = torch.randint(SYMBOLS, (3, PLACES))
        said = model(tokens, labels=tokens)
        scores = 2 * torch.randn(6, SYMBOLS)
        kept = {
            "top_k": TopKLogitsWarper(7)(None, scores) > -torch.inf,
            "top_p": TopPLogitsWarper(0.7)(None, scores) > -torch.inf,
        }
    weights = {f"weights/{name}": value for name, value in model.transformer.state_dict().items()}
    return weights | {"tokens": tokens, "logits": said.logits, "loss": said.loss[None], "scores": scores} | kept
