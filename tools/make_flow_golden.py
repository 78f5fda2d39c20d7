"""Write tests/explicit/golden/nflows-glow.safetensors: likelihoods and latents of one level of Glow, as nflows computes them.

    pip install --no-deps nflows==0.14        # MIT
    python tools/make_flow_golden.py

Two steps of actnorm, 1x1 convolution and coupling behind a squeeze. Weights and images are drawn here and kept in the file, as Sparring's
network calls them. Couplings' networks are Sparring's own, for they say nothing of the determinant; all else is nflows'. Convolutions have
no permutation, and positive diagonals, as nflows has them; scales are below 1, as nflows' are."""

from pathlib import Path

import torch
from nflows import distributions, flows, transforms
from safetensors.torch import save_file

from sparring.nets.flows import ActNorm, Coupling, InvertibleConvolution, glow

OUT = Path(__file__).parents[1] / "tests" / "explicit" / "golden" / "nflows-glow.safetensors"
SHAPE = (1, 8, 8)


class Conditioner(torch.nn.Module):
    """Sparring's network of a coupling, whose shift comes before the scale, as nflows has it: shifts, then scales before a sigmoid."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, kept: torch.Tensor, context: None) -> torch.Tensor:
        shift, log_scale = self.network(kept)
        scale = log_scale.exp()
        assert scale.max() < 1, "nflows' scales are a sigmoid of a number above 2, and a thousandth"
        return torch.cat([shift * scale, (scale - 1e-3).logit() - 2], dim=1)


def as_nflows(part: torch.nn.Module) -> transforms.Transform:
    """The same part of nflows."""
    if isinstance(part, ActNorm):
        found = transforms.ActNorm(part.shift.shape[1])
        found.initialized.fill_(True)
        found.log_scale.data = part.log_scale.data.flatten()
        found.shift.data = (part.shift.data * part.log_scale.data.exp()).flatten()
        return found
    if isinstance(part, InvertibleConvolution):
        channels = len(part.lower)
        found = transforms.OneByOneConvolution(channels)
        found.permutation = transforms.Permutation(torch.arange(channels), dim=1)
        found.lower_entries.data = part.lower.data[found.lower_indices[0], found.lower_indices[1]]
        found.upper_entries.data = part.upper.data[found.upper_indices[0], found.upper_indices[1]]
        found.unconstrained_upper_diag.data = (part.log_diagonal.data.exp() - found.eps).expm1().log()  # of softplus
        found.bias.data.zero_()
        return found
    assert isinstance(part, Coupling)
    network = part.network
    return transforms.AffineCouplingTransform(torch.tensor([0, 0, 1, 1]), lambda inputs, outputs: Conditioner(network))


def main() -> None:
    torch.manual_seed(0)
    network = glow(SHAPE, levels=1, steps=2, width=6, classes=0).double().eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
        for part in network.modules():
            if isinstance(part, InvertibleConvolution):
                part.permutation.copy_(torch.eye(4))
                part.signs.fill_(1.0)
            if isinstance(part, Coupling):
                part.network.last.bias[2:] -= 1.0
    parts = [as_nflows(part) for part in list(network.levels[0].children())[1:]]
    theirs = flows.Flow(
        transforms.CompositeTransform([transforms.SqueezeTransform(2), *parts]), distributions.StandardNormal([4, 4, 4])
    ).double()
    images = torch.rand(5, *SHAPE, dtype=torch.float64) - 0.5
    with torch.no_grad():
        density, latents = theirs.log_prob(images), theirs.transform_to_noise(images)
    weights = {f"network.{name}": tensor.contiguous() for name, tensor in network.state_dict().items()}
    OUT.parent.mkdir(exist_ok=True)
    save_file(weights | {"images": images, "log_density": density, "latents": latents.contiguous()}, OUT)
    print(OUT, density.tolist())


if __name__ == "__main__":
    main()
