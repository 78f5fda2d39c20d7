"""Training steps from image to image, Sparring's against the plain way of running the same networks.

    python benchmarks/translation.py [--rounds 9] [--only cyclegan pix2pix-1 pix2pix-8]

Plain: what the public pytorch-CycleGAN-and-pix2pix does (plain_translation.py): float32, contiguous, eager, every generator pass by itself,
Adam as it comes. Ours: the trainer's own turns. CycleGAN with residual generators of 9 blocks at 128x128, batch 1; pix2pix with the U-Net
of 128x128, batch 1 and 8; all as wide as in the papers (64). Medians of rounds in which the variants take turns (sides.py)."""

import argparse
from collections.abc import Callable

import torch

from sides import Sides, Steps, Variant
from sparring import recipes
from sparring.core.hardware import has_fast_bfloat16
from sparring.data.pairs.pair_spec import PairSpec
from sparring.games.recipe import Recipe

SIDE, CHANNELS = 128, 3
CASES = {"cyclegan": 1, "pix2pix-1": 1, "pix2pix-8": 8}


def plain_cyclegan(batch: int) -> Steps:
    import itertools

    from torch.nn.functional import l1_loss, mse_loss

    import plain_translation as plain

    a2b, b2a = (plain.residual(CHANNELS, CHANNELS, 64, 9, norm="instance").train() for _ in range(2))
    judge_a, judge_b = (plain.patches(CHANNELS, 64, 3, norm="instance").train() for _ in range(2))
    adam = torch.optim.Adam(itertools.chain(a2b.parameters(), b2a.parameters()), lr=2e-4, betas=(0.5, 0.999))
    adam_judges = torch.optim.Adam(itertools.chain(judge_a.parameters(), judge_b.parameters()), lr=2e-4, betas=(0.5, 0.999))
    a, b = (torch.rand(batch, CHANNELS, SIDE, SIDE) * 2 - 1 for _ in range(2))

    def is_(judged: torch.Tensor, target: float) -> torch.Tensor:
        return mse_loss(judged, torch.full_like(judged, target))

    def step() -> None:
        drawn_b, drawn_a = a2b(a), b2a(b)
        back_a, back_b = b2a(drawn_b), a2b(drawn_a)
        for network in (judge_a, judge_b):
            network.requires_grad_(False)
        adam.zero_grad()
        identity = 5 * (l1_loss(a2b(b), b) + l1_loss(b2a(a), a))
        cycle = 10 * (l1_loss(back_a, a) + l1_loss(back_b, b))
        (is_(judge_b(drawn_b), 1) + is_(judge_a(drawn_a), 1) + cycle + identity).backward()
        adam.step()
        for network in (judge_a, judge_b):
            network.requires_grad_(True)
        adam_judges.zero_grad()
        for network, real, drawn in ((judge_a, a, drawn_a), (judge_b, b, drawn_b)):
            ((is_(network(real), 1) + is_(network(drawn.detach()), 0)) / 2).backward()
        adam_judges.step()

    return {"step": step}


def plain_pix2pix(batch: int) -> Steps:
    from torch.nn.functional import binary_cross_entropy_with_logits, l1_loss

    import plain_translation as plain

    generator = plain.unet(CHANNELS, CHANNELS, 64, 7, norm="batch", dropout=True).train()
    judge = plain.patches(2 * CHANNELS, 64, 3, norm="batch").train()
    adam, adam_judge = (torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999)) for network in (generator, judge))
    inputs, targets = (torch.rand(batch, CHANNELS, SIDE, SIDE) * 2 - 1 for _ in range(2))

    def is_(judged: torch.Tensor, target: float) -> torch.Tensor:
        return binary_cross_entropy_with_logits(judged, torch.full_like(judged, target))

    def step() -> None:
        drawn = generator(inputs)
        judge.requires_grad_(True)
        adam_judge.zero_grad()
        drawn_pair, real_pair = torch.cat([inputs, drawn.detach()], 1), torch.cat([inputs, targets], 1)
        ((is_(judge(drawn_pair), 0) + is_(judge(real_pair), 1)) / 2).backward()
        adam_judge.step()
        judge.requires_grad_(False)
        adam.zero_grad()
        (is_(judge(torch.cat([inputs, drawn], 1)), 1) + 100 * l1_loss(drawn, targets)).backward()
        adam.step()

    return {"step": step}


def our_recipe(name: str, batch: int) -> tuple[Recipe, PairSpec]:
    recipe = recipes.get(name)(batch_size=batch, jitter=0.0, flip=False, norm="batch" if name == "pix2pix" else "instance")
    return recipe, PairSpec(SIDE, SIDE, CHANNELS, (), CHANNELS, paired=name == "pix2pix")


def our_steps(name: str, batch: int, precision: str) -> Steps:
    from turns import steps_of

    state, _, step = steps_of(*our_recipe(name, batch), precision)
    assert state.ema is state.game
    return {"step": lambda: step(1)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES))
    arguments = parser.parse_args()
    fast = has_fast_bfloat16(torch.device("cpu"))  # elsewhere float32 is as shipped, and bfloat16 takes minutes
    plain: dict[str, Callable[[int], Steps]] = {"cyclegan": plain_cyclegan, "pix2pix": plain_pix2pix}
    for case in arguments.only:
        name, batch = case.partition("-")[0], CASES[case]
        variants = {
            "plain, stock allocator": Variant(plain[name], (batch,), False),
            "plain, tuned allocator": Variant(plain[name], (batch,), True),
            "float32, tuned allocator": Variant(our_steps, (name, batch, "float32"), True),
        }
        if fast:
            variants["as shipped: bfloat16, tuned allocator"] = Variant(our_steps, (name, batch, "bfloat16"), True)
            variants["bfloat16, stock allocator"] = Variant(our_steps, (name, batch, "bfloat16"), False)
        sides = Sides(variants)
        medians = {variant: times["step"] for variant, times in sides.medians(arguments.rounds, {"step": 1}).items()}
        sides.close()
        print(
            f"\n{name}, {SIDE}x{SIDE}, batch {batch}\n\n| variant | ms a step | over plain, stock | over plain, tuned |\n|---|---|---|---|"
        )
        for variant, seconds in medians.items():
            stock, tuned = (medians[f"plain, {one} allocator"] / seconds for one in ("stock", "tuned"))
            print(f"| {variant} | {seconds * 1e3:.0f} | {stock:.2f} | {tuned:.2f} |", flush=True)


if __name__ == "__main__":
    main()
