"""Write tests/tables/golden/ctgan-first-step.safetensors: losses and gradients of the public CTGAN code's first step.

    pip install ctgan==0.12.1        # Business Source License: a tool for this file alone, and no dependency of anything here
    python tools/make_ctgan_golden.py

Weights, rows and noise are drawn here and kept in the file, so that any other code can take the same step from them. Dropout is 0. All is
in the order of the public code, which has the position of a number before its modes. There are two packs of ten rows, three columns (a
number with three modes, categories of four and of three), and each row is told a category of one column."""

from pathlib import Path
from types import SimpleNamespace

import torch
from ctgan.data_transformer import SpanInfo
from ctgan.synthesizers import ctgan as public
from safetensors.torch import save_file

OUT = Path(__file__).parents[1] / "tests" / "tables" / "golden" / "ctgan-first-step.safetensors"
ROWS, LATENT, HIDDEN, TOLD, WIDTH = 20, 6, (8, 5), 7, 11


def one_hot(codes: torch.Tensor, count: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(codes, count).float()


def main() -> None:
    torch.manual_seed(0)
    model = public.CTGAN(embedding_dim=LATENT, generator_dim=HIDDEN, discriminator_dim=HIDDEN, pac=10, batch_size=ROWS)
    number = [SpanInfo(1, "tanh"), SpanInfo(3, "softmax")]
    model._transformer = SimpleNamespace(output_info_list=[number, [SpanInfo(4, "softmax")], [SpanInfo(3, "softmax")]])
    generator = public.Generator(LATENT + TOLD, HIDDEN, WIDTH)
    critic = public.Discriminator(WIDTH + TOLD, HIDDEN, pac=10)
    for module in critic.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    modes, first, second = (torch.randint(count, (ROWS,)) for count in (3, 4, 3))
    real = torch.cat([torch.rand(ROWS, 1) * 2 - 1, one_hot(modes, 3), one_hot(first, 4), one_hot(second, 3)], dim=1)
    chosen = torch.rand(ROWS) < 0.5
    mask = torch.stack([chosen, ~chosen], dim=1).float()
    condition = torch.cat([one_hot(first, 4) * mask[:, :1], one_hot(second, 3) * mask[:, 1:]], dim=1)
    kept = {"real": real, "condition": condition, "share_of_real": torch.rand(ROWS // 10)}
    for player in ("critic", "generator"):
        kept[f"{player}/latent"] = torch.randn(ROWS, LATENT)
        kept[f"{player}/uniform"] = torch.rand(ROWS, WIDTH)
    for name, network in (("generator", generator), ("critic", critic)):
        kept |= {f"weights/{name}/{key}": value.clone() for key, value in network.state_dict().items()}

    def generated(player: str) -> tuple[torch.Tensor, torch.Tensor]:
        noise = iter(-(-kept[f"{player}/uniform"][:, slice_].log()).log() for slice_ in (slice(1, 4), slice(4, 8), slice(8, 11)))
        public.functional.gumbel_softmax = lambda logits, tau, **_: ((logits + next(noise)) / tau).softmax(dim=1)
        outputs = generator(torch.cat([kept[f"{player}/latent"], condition], dim=1))
        return outputs, model._apply_activate(outputs)

    _, rows = generated("critic")
    both = [torch.cat([each, condition], dim=1) for each in (real, rows)]
    public.torch.rand = lambda *shape, **_: kept["share_of_real"].reshape(shape)
    penalty = critic.calc_gradient_penalty(*both, pac=10)
    loss = critic(both[1]).mean() - critic(both[0]).mean()
    critic.zero_grad()
    (penalty + loss).backward()
    kept |= {"losses/critic": loss.detach(), "losses/penalty": penalty.detach()}
    kept |= {f"gradients/critic/{name}": weight.grad.clone() for name, weight in critic.named_parameters()}
    # a fresh generator: its turn begins from the same statistics of batch norm, whatever came before
    outputs, rows = generated("generator")
    adversarial = -critic(torch.cat([rows, condition], dim=1)).mean()
    told = model._cond_loss(outputs, condition, mask)
    generator.zero_grad()
    (adversarial + told).backward()
    kept |= {"losses/adversarial": adversarial.detach(), "losses/told": told.detach()}
    kept |= {f"gradients/generator/{name}": weight.grad.clone() for name, weight in generator.named_parameters()}
    OUT.parent.mkdir(exist_ok=True)
    save_file({name: value.contiguous() for name, value in kept.items()}, OUT)
    print({name: float(value) for name, value in kept.items() if name.startswith("losses/")})


if __name__ == "__main__":
    main()
