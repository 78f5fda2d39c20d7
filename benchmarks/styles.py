"""StyleGAN2's steps, Sparring's against the plain way of running the same networks.

    python benchmarks/styles.py [--rounds 9] [--batch 16] [--sides 32 64] [--without VARIANT ...]

Plain: what NVIDIA's code does on a CPU (plain_stylegan2.py): float32, contiguous, a grouped convolution with weights of each sample's
own, separate padding, filter and stride; the phases of its training loop, Adam as it comes. Ours: the trainer's own turns. The forward
pass is the generator's, in use. A step is both main phases; with R1 every 16 and path length every 4 steps counted in, a mean step.
Medians of rounds in which the variants take turns (sides.py); each keeps its memory, and at 64x64 all together need more than 24 GiB:
leave some out. Networks: 512 channels at most (16384 over the side), z and w of 512, two
mapping layers."""

import argparse
import math
from collections.abc import Callable

from sides import Sides, Variant

SIDES = (32, 64)
CHANNELS, LATENT, LAYERS = 3, 512, 2
R1, PATH = 0.01, 2.0


def plain_steps(side: int, batch: int) -> dict[str, Callable[[], object]]:
    import torch
    from torch.nn.functional import softplus

    import plain_stylegan2 as plain
    from sparring.nets.stylegan2 import widths

    generator = plain.Generator(widths(side, 16384, 512), CHANNELS, LATENT, LATENT, num_layers=LAYERS)
    discriminator = plain.Discriminator(widths(side, 16384, 512), CHANNELS)
    adams = {network: torch.optim.Adam(network.parameters(), lr=2.5e-3, betas=(0.0, 0.99)) for network in (generator, discriminator)}
    real = torch.rand(batch, CHANNELS, side, side) * 2 - 1
    mean = torch.zeros(())

    def styles(n: int) -> torch.Tensor:
        """With style mixing: the mapping twice."""
        w = generator.mapping(torch.randn(n, LATENT), None)[:, None].repeat(1, generator.synthesis.num_ws, 1)
        other = generator.mapping(torch.randn(n, LATENT), None)[:, None].repeat(1, generator.synthesis.num_ws, 1)
        return torch.cat([w[:, :3], other[:, 3:]], dim=1)

    def phase(network: torch.nn.Module, loss: Callable[[], torch.Tensor]) -> None:
        generator.requires_grad_(network is generator)
        discriminator.requires_grad_(network is discriminator)
        adams[network].zero_grad(set_to_none=True)
        loss().backward()
        adams[network].step()

    def generator_loss() -> torch.Tensor:
        return softplus(-discriminator(generator.synthesis(styles(batch), "random"))).mean()

    def discriminator_loss() -> torch.Tensor:
        return softplus(discriminator(generator.synthesis(styles(batch), "random"))).mean() + softplus(-discriminator(real)).mean()

    def path_loss() -> torch.Tensor:
        w = styles(batch // 2)
        generated = generator.synthesis(w, "random")
        noise = torch.randn_like(generated) / math.sqrt(side * side)
        (gradients,) = torch.autograd.grad((generated * noise).sum(), w, create_graph=True)
        lengths = gradients.square().sum(2).mean(1).sqrt()
        mean.lerp_(lengths.detach().mean(), 0.01)
        return 4 * PATH * (lengths - mean).square().mean()

    def r1_loss() -> torch.Tensor:
        images = real.clone().requires_grad_()
        (gradients,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
        return 16 * R1 / 2 * gradients.square().sum(dim=(1, 2, 3)).mean()

    def main() -> None:
        phase(generator, generator_loss)
        phase(discriminator, discriminator_loss)

    z = torch.randn(batch, LATENT)

    @torch.no_grad()
    def forward() -> None:
        generator(z)

    return {
        "forward": forward,
        "main": main,
        "path": lambda: phase(generator, path_loss),
        "r1": lambda: phase(discriminator, r1_loss),
    }


def our_steps(side: int, batch: int, precision: str) -> dict[str, Callable[[], object]]:
    import torch

    from sparring import recipes
    from sparring.data.images.image_spec import ImageSpec
    from turns import steps_of

    recipe = recipes.get("stylegan2")(batch_size=batch, mapping_layers=LAYERS, r1=R1, path_length=PATH, style_mixing=1.0)
    state, table, step = steps_of(recipe, ImageSpec(side, side, CHANNELS), precision)

    z = torch.randn(batch, LATENT)

    @torch.no_grad()
    def forward() -> None:
        state.game.eval()
        with table.fabric.autocast():
            state.game.generator(z)
        state.game.train()

    return {"forward": forward, "main": lambda: step(1), "with path": lambda: step(4), "with both": lambda: step(16)}


def mean_step(times: dict[str, float]) -> float:
    """Seconds of a step with R1 in every 16th and path length in every 4th counted in."""
    if "path" in times:
        return times["main"] + times["path"] / 4 + times["r1"] / 16
    return (12 * times["main"] + 3 * times["with path"] + times["with both"]) / 16


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--sides", type=int, nargs="+", default=list(SIDES))
    parser.add_argument("--without", nargs="+", default=[], metavar="VARIANT", help="names, as in the table")
    arguments = parser.parse_args()
    for side in arguments.sides:
        ours = (side, arguments.batch)
        variants = {
            "plain, stock allocator": Variant(plain_steps, ours, False),
            "plain, tuned allocator": Variant(plain_steps, ours, True),
            "ours, as shipped (bfloat16, tuned allocator)": Variant(our_steps, (*ours, "bfloat16"), True),
            "ours, bfloat16, stock allocator": Variant(our_steps, (*ours, "bfloat16"), False),
            "ours, float32, tuned allocator": Variant(our_steps, (*ours, "float32"), True),
        }
        sides = Sides({name: variant for name, variant in variants.items() if name not in arguments.without})
        times = sides.medians(arguments.rounds, dict.fromkeys(("forward", "main", "path", "r1", "with path", "with both"), 1))
        sides.close()
        print(f"\n{side}x{side}, batch {arguments.batch}: milliseconds (plain with the stock | the tuned allocator, over it)\n")
        print("| variant | forward | both main phases | mean step |\n|---|---|---|---|")
        for variant, found in times.items():
            cells = []
            for measure in (lambda one: one["forward"], lambda one: one["main"], mean_step):
                plain = [measure(times[name]) / measure(found) for name in times if name.startswith("plain")]
                ratios = " \\| ".join(f"{ratio:.2f}" for ratio in plain)
                cells.append(f"{measure(found) * 1e3:.0f} ({ratios})")
            print(f"| {variant} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
