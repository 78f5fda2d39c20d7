"""Likelihoods of images: every constant counts. And what is done with them."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from sklearn.decomposition import PCA

import sparring
from sparring import recipes
from sparring.core.errors import SettingsError
from sparring.data.images.image_spec import ImageSpec
from sparring.evaluation.compare import format_cell
from sparring.games.flow import FlowGame
from sparring.games.image_autoencoder import ImageAutoencoderGame
from sparring.games.image_likelihood import noise_of
from sparring.inference.data_of_model import training_data
from sparring.inference.likelihood import bits_of, likelihood_kind
from sparring.losses.likelihoods import bits_per_dimension, images_of, levels_of, log_discretized_logistic, normal_divergence
from support.cli import call
from support.runs import same_run

SMALL = {
    "vae": {"width": 8, "latent_size": 4, "batch_size": 8},
    "glow": {"levels": 2, "steps_per_level": 1, "width": 8, "batch_size": 8},
    "realnvp": {"levels": 2, "blocks": 1, "width": 8, "batch_size": 8},
    "pixelcnn": {"layers": 1, "width": 4, "batch_size": 8},
}
COMMON = {"threads": 1, "holdout": 4, "log_every": 1, "size": 16, "channels": 1}
RECIPES = tuple(SMALL)


def pixels(n: int, shape: tuple[int, int, int] = (1, 8, 8), seed: int = 0) -> torch.Tensor:
    levels = torch.randint(0, 256, (n, *shape), generator=torch.Generator().manual_seed(seed))
    return images_of(levels.float())


def shaken(game: torch.nn.Module) -> torch.nn.Module:
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in game.parameters():
            weight.add_(0.05 * torch.randn_like(weight))
    return game.eval()


# --------------------------------------------------------------------------------------------------------------- pixels


def test_levels_and_images_are_inverse() -> None:
    levels = torch.arange(256.0).reshape(1, 1, 16, 16)
    assert torch.equal(levels_of(images_of(levels)), levels)


def test_equally_likely_levels_have_eight_bits() -> None:
    dimensions = 3 * 5 * 7
    assert bits_per_dimension(torch.tensor([-dimensions * math.log(256)]), dimensions).item() == pytest.approx(8.0)


def test_the_levels_of_a_discretized_logistic_have_a_probability_of_one() -> None:
    levels = images_of(torch.arange(256.0).reshape(1, 1, 16, 16)).flatten()
    for mean in (-3.0, -1.0, -0.3, 0.0, 0.999, 2.0):
        for log_scale in (-7.0, -3.0, 0.0, 2.0):
            found = log_discretized_logistic(levels, torch.full((256,), mean), torch.full((256,), log_scale))
            assert found.double().exp().sum().item() == pytest.approx(1.0, abs=1e-4), (mean, log_scale)
            assert torch.isfinite(found).all()
    # against the distribution function itself, where that is exact in float64
    cdf = lambda x: torch.sigmoid((x.double() - 0.1) / math.exp(-2.0))  # noqa: E731
    bins = cdf(levels + 1 / 255) - cdf(levels - 1 / 255)
    bins[0], bins[-1] = cdf(levels[:1] + 1 / 255), 1 - cdf(levels[-1:] - 1 / 255)
    found = log_discretized_logistic(levels, torch.full((256,), 0.1), torch.full((256,), -2.0))
    assert torch.allclose(found.double().exp(), bins, rtol=1e-4, atol=1e-9)


def test_the_divergence_is_that_of_torch() -> None:
    mean, log_variance = torch.randn(5, 3), torch.randn(5, 3)
    normal = torch.distributions.Normal(mean, (log_variance / 2).exp())
    wanted = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0))
    assert torch.allclose(normal_divergence(mean, log_variance), wanted, atol=1e-5)


def test_noise_depends_on_the_image_alone() -> None:
    images = pixels(3)
    assert torch.equal(noise_of(images)[1:], noise_of(images[1:]))
    assert not torch.equal(noise_of(images)[0], noise_of(images)[1])
    assert noise_of(images, normal=5).shape == (3, 5)


# ---------------------------------------------------------------------------------------------------------------- flows


@pytest.mark.parametrize("name", ["glow", "realnvp"])
def test_a_flows_likelihood_is_the_density_of_pixels_with_noise(name: str) -> None:
    """Logarithm of the normal density of the latents, plus the log-determinant from levels with noise (0 to 256) to latents."""
    game = shaken(recipes.get(name)(**SMALL[name]).build(ImageSpec(8, 8, 1)))
    assert isinstance(game, FlowGame)
    image = pixels(1)
    noise = noise_of(image)
    levels = (levels_of(image) + noise).double()
    margin = game.settings.margin
    game = game.double()

    def latents(values: torch.Tensor) -> torch.Tensor:
        shares = values / 256
        x = (margin + (1 - 2 * margin) * shares).logit() if margin else shares - 0.5
        return game.flow(x)[0][0]

    jacobian = torch.autograd.functional.jacobian(latents, levels).reshape(64, 64)
    normal = -0.5 * (latents(levels).square() + math.log(2 * math.pi)).sum()
    wanted = (normal + torch.linalg.slogdet(jacobian)[1]).item()
    assert game.float().log_likelihood(image).item() == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("name", ["glow", "realnvp"])
def test_flows_lose_nothing(name: str) -> None:
    game = shaken(recipes.get(name)(**SMALL[name]).build(ImageSpec(8, 8, 1)))
    images = pixels(4)
    back = game.generate(game.encode(images), None)
    assert torch.equal(levels_of(back), levels_of(images))
    assert torch.allclose(back, images, atol=2e-3)


# ----------------------------------------------------------------------------------------------------------------- vae


def test_more_latents_bring_the_bound_nearer_to_the_truth() -> None:
    """With a decoder that does not look at its latents, the truth is the pixels' own probability, and the encoder only loses."""
    game = shaken(recipes.get("vae")(**SMALL["vae"]).build(ImageSpec(8, 8, 1)))
    assert isinstance(game, ImageAutoencoderGame)
    images = pixels(16)
    bounds = [game.importance_weighted(images, None, k).mean().item() for k in (1, 8, 64)]
    assert bounds[0] < bounds[1] < bounds[2]
    assert game.log_likelihood(images).mean().item() == bounds[0]
    with torch.no_grad():
        game.decoder.project.weight.zero_()
        truth = game.log_pixels(images, torch.zeros(16, 4), None)
    weighted = game.importance_weighted(images, None, 400)
    assert torch.allclose(weighted, truth, atol=0.6)
    assert (game.log_likelihood(images) < truth).all()
    mean, log_variance = game.encoder(images)
    assert torch.allclose(truth - game.log_likelihood(images), normal_divergence(mean, log_variance).sum(dim=1), atol=1e-2)


def test_pixels_of_an_autoencoder_are_all_counted() -> None:
    game = shaken(recipes.get("vae")(**SMALL["vae"]).build(ImageSpec(8, 8, 1)))
    assert isinstance(game, ImageAutoencoderGame)
    images, latents = pixels(2), torch.randn(2, 4)
    with torch.no_grad():
        means, (log_scale,) = game.decoder(latents), game.decoder.log_scales.flatten()
        found = game.log_pixels(images, latents, None)
    cdf = lambda x: torch.sigmoid(x / log_scale.double().exp())  # noqa: E731
    gap = (images - means).double()
    upper, lower = cdf(gap + 1 / 255), cdf(gap - 1 / 255)
    chances = torch.where(images <= -1 + 1e-6, upper, torch.where(images >= 1 - 1e-6, 1 - lower, upper - lower))
    assert torch.allclose(found.double(), chances.log().flatten(1).sum(dim=1), rtol=1e-4)


class Affine(torch.nn.Module):
    """A linear map of flat images or latents, with a bias; as an encoder, with one variance for each latent."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, log_variance: torch.Tensor | None = None) -> None:
        super().__init__()
        self.weight, self.bias, self.log_variance = torch.nn.Parameter(weight), bias, log_variance

    def forward(self, x: torch.Tensor, condition: None) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        found = x.flatten(1) @ self.weight.t() + self.bias
        return found if self.log_variance is None else (found, self.log_variance.expand(len(x), -1))


class LinearGame(ImageAutoencoderGame):
    """A linear autoencoder with normal pixels of one variance: what probabilistic PCA is a model of."""

    variance = 1.0

    def log_pixels(self, images: torch.Tensor, latents: torch.Tensor, condition: None) -> torch.Tensor:
        normal = torch.distributions.Normal(self.decoder(latents, condition), self.variance**0.5)
        return normal.log_prob(images.flatten(1)).sum(dim=1)


def test_the_best_linear_autoencoder_is_probabilistic_pca() -> None:
    """With W and variance of Tipping and Bishop 1999 and its exact posterior, the bound is the likelihood that scikit-learn has for
    probabilistic PCA, to the digit for any number of latents; and every other decoder or encoder has less.
    """
    random = np.random.default_rng(0)
    data = random.normal(size=(300, 3)) @ random.normal(size=(3, 16)) + 0.5 * random.normal(size=(300, 16)) + 1
    pca = PCA(3).fit(data)
    # scikit-learn's variances have n - 1 below
    variance = float(pca.noise_variance_)
    axes, stretch = torch.from_numpy(pca.components_.T), torch.from_numpy(pca.explained_variance_ - variance).sqrt()
    decode, mean = axes * stretch, torch.from_numpy(pca.mean_)
    inverse = torch.diag(1 / (stretch.square() + variance))  # of W'W + variance, which is diagonal
    encode = inverse @ decode.t()
    log_variance = (variance * inverse.diagonal()).log()
    recipe = recipes.get("vae")(width=8, latent_size=3)
    game = LinearGame(ImageSpec(8, 8, 1), recipe)
    game.variance = variance
    game.encoder, game.decoder = Affine(encode, -encode @ mean, log_variance), Affine(decode, mean)
    images = torch.from_numpy(data).view(300, 1, 4, 4)
    wanted = torch.from_numpy(pca.score_samples(data))
    for k in (2, 5):
        assert torch.allclose(game.importance_weighted(images, None, k), wanted, atol=1e-9)
    noise = torch.randn(200, 300, 3, generator=torch.Generator().manual_seed(0)).double()

    def bound() -> float:
        """The evidence lower bound, averaged over many latents of the encoder."""
        with torch.no_grad():
            mean, log_variance = game.encoder(images, None)
            found = torch.stack([game.log_pixels(images, mean + (log_variance / 2).exp() * each, None) for each in noise])
            return (found.mean(dim=0) - normal_divergence(mean, log_variance).sum(dim=1)).mean().item()

    best = bound()
    assert best == pytest.approx(wanted.mean().item(), abs=0.02)
    for network in (game.encoder, game.decoder):
        for sign in (-0.05, 0.05):
            kept = network.weight.detach().clone()
            with torch.no_grad():
                network.weight.mul_(1 + sign)
            assert bound() < best
            with torch.no_grad():
                network.weight.copy_(kept)


def test_free_bits_and_warmup_change_the_divergence_as_they_say(squares: Path, tmp_path: Path, quiet: Console) -> None:
    def first(**settings: object) -> float:
        name = "-".join(map(str, settings.values())) or "plain"
        sparring.train("vae", squares, tmp_path / name, steps=1, console=quiet, **SMALL["vae"], **COMMON, **settings)
        line = (tmp_path / name / "log.jsonl").read_text().splitlines()[0]
        return float(line.partition('"loss/fit/divergence": ')[2].partition(",")[0])

    plain = first()
    assert first(beta=4.0) == pytest.approx(4 * plain, rel=1e-3)
    assert first(beta_warmup_samples=1000) == pytest.approx(plain / 1000, rel=1e-3)
    # four latents with five bits each, in bits for each of 256 numbers
    assert first(free_bits=5.0) == pytest.approx(4 * 5 / 256, rel=1e-3)


# ------------------------------------------------------------------------------------------------------------------ use


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, squares: Path) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("explicit")
    for name in RECIPES:
        sparring.train(name, squares, folder / name, steps=3, console=Console(quiet=True), **SMALL[name], **COMMON)
    return {name: folder / name for name in RECIPES}


@pytest.mark.parametrize("name", RECIPES)
def test_density_reconstruct_and_packing(
    name: str, runs: dict[str, Path], squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("density", runs[name]) == 0
    said = capsys.readouterr().out
    assert "Trained on" in said
    assert "Held out" in said
    assert ("Exact" if name == "pixelcnn" else "bound") in said
    assert call("density", runs[name], squares, "--out", tmp_path / "bits.csv") == 0
    rows = list(csv.DictReader((tmp_path / "bits.csv").open()))
    assert len(rows) > 4
    assert all(math.isfinite(float(row["bits_per_dimension"])) for row in rows)
    encodes = name != "pixelcnn"
    assert call("reconstruct", runs[name], squares, tmp_path / "back", "-n", 4) == (0 if encodes else 1)
    assert len(list((tmp_path / "back").glob("0*.png"))) == (4 if encodes else 0)
    assert (tmp_path / "back" / "reconstructions.png").exists() == encodes
    packed = sparring.load(sparring.pack(runs[name], tmp_path / "model.safetensors"))
    assert torch.equal(packed.sample(3, seed=1), sparring.load(runs[name]).sample(3, seed=1))
    assert torch.equal(packed.sample(20, seed=1)[17:], packed.sample(3, seed=1, first=17))


@pytest.mark.parametrize("command", ["density", "reconstruct"])
def test_a_model_of_classes_asks_for_them(
    command: str, squares: Path, tmp_path: Path, quiet: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {**SMALL["vae"], **COMMON, "condition": "concatenate"}
    sparring.train("vae", squares, tmp_path / "run", steps=1, console=quiet, **settings)
    np.savez(tmp_path / "unlabeled.npz", images=np.load(squares)["images"])
    out = [tmp_path / "back"] if command == "reconstruct" else []
    assert call(command, tmp_path / "run", tmp_path / "unlabeled.npz", *out) == 1
    assert "was trained with classes: give images with the same classes" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("name", RECIPES)
def test_they_resume_exactly(name: str, runs: dict[str, Path], squares: Path, tmp_path: Path, quiet: Console) -> None:
    sparring.train(name, squares, tmp_path / "run", steps=1, console=quiet, **SMALL[name], **COMMON)
    sparring.resume(tmp_path / "run", steps=3, console=quiet)
    assert same_run(tmp_path / "run", runs[name])


def test_bits_of_an_image_do_not_depend_on_others(runs: dict[str, Path], squares: Path) -> None:
    from sparring.inference.data_of_model import data_of

    for name in RECIPES:
        model = sparring.load(runs[name], whole=True)
        store = data_of(model, str(squares))
        together, alone = bits_of(model, store, np.arange(5)), bits_of(model, store, np.array([3]))
        assert together[3] == pytest.approx(alone[0], abs=1e-5)


def test_more_latents_are_a_kind_of_their_own(
    runs: dict[str, Path], squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = sparring.load(runs["vae"], whole=True)
    store = training_data(model)
    some = np.arange(8)
    bits = {k: bits_of(model, store, some, k) for k in (1, 8, 64)}
    assert bits[1].mean() > bits[8].mean() > bits[64].mean()
    assert np.array_equal(bits[1], bits_of(model, store, some))
    assert isinstance(model.game, ImageAutoencoderGame)
    wanted = -model.game.importance_weighted(store.batch(some).samples, None, 8) / (16 * 16 * math.log(2))
    assert np.allclose(bits[8], wanted.numpy(), atol=1e-5)
    assert [likelihood_kind(model, k) for k in (None, 1, 8)] == ["ELBO", "ELBO", "IWAE-8"]
    assert call("density", runs["vae"], squares, "--importance", 8, "--out", tmp_path / "bits.csv") == 0
    assert "IWAE-8, from 8 latents" in capsys.readouterr().out
    with (tmp_path / "bits.csv").open() as file:
        assert {row["kind"] for row in csv.DictReader(file)} == {"IWAE-8"}
    assert call("density", runs["vae"], "--importance", 4) == 0
    assert "IWAE-4, from 4 latents" in capsys.readouterr().out
    for wrong in (0, -1, 10**6):
        with pytest.raises(SettingsError, match="from 1 to 10,000"):
            bits_of(model, store, some, wrong)
    with pytest.raises(SettingsError, match=r"another kind \(dequantized bound\), which needs no latents"):
        likelihood_kind(sparring.load(runs["glow"], whole=True), 8)
    with pytest.raises(SettingsError, match="no run is one"):
        sparring.compare([runs["glow"], runs["pixelcnn"]], importance=8)


def test_models_without_a_likelihood_say_so(squares: Path, tmp_path: Path, quiet: Console) -> None:
    model = sparring.train("dcgan", squares, tmp_path / "run", steps=1, width=4, batch_size=8, console=quiet)
    with pytest.raises(SettingsError, match="no likelihood"):
        bits_of(model, training_data(model), np.arange(1))
    assert call("density", tmp_path / "run") == 1
    assert call("reconstruct", tmp_path / "run", squares, tmp_path / "out") == 1


@pytest.mark.parametrize("name", ["vae", "glow", "pixelcnn"])
def test_classes_are_told(name: str, squares: Path, tmp_path: Path, quiet: Console) -> None:
    condition = {"vae": "concatenate", "glow": "prior", "pixelcnn": "bias"}[name]
    model = sparring.train(name, squares, tmp_path / "run", steps=2, condition=condition, console=quiet, **SMALL[name], **COMMON)
    classes = model.spec.classes
    assert len(classes) > 1
    assert model.sample(2, label=classes[1]).shape == (2, 1, 16, 16)
    assert call("density", tmp_path / "run", squares) == 0


def test_settings_that_do_not_fit_are_refused(squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(name: str, *words: object) -> str:
        assert call("train", name, "--data", squares, "--out", tmp_path / "run", "--steps", 1, *words) == 1
        return " ".join(capsys.readouterr().err.split())

    assert "multiples of 16" in refused("glow", "--size", 24, "--levels", 4)
    assert "multiple of 8" in refused("vae", "--width", 12)
    assert "no classes in its paper" in refused("realnvp", "--condition", "prior")


def test_a_comparison_has_likelihoods_with_their_kind_and_a_dash_for_gans(
    runs: dict[str, Path], squares: Path, tmp_path: Path, quiet: Console
) -> None:
    small = {"steps": 2, "width": 4, "batch_size": 8, "size": 16, "channels": 1, "threads": 1, "holdout": 4}
    sparring.train("dcgan", squares, tmp_path / "dcgan", console=quiet, **small)
    rows = sparring.compare([runs["vae"], runs["glow"], tmp_path / "dcgan"], samples=20, out=tmp_path / "table.md", console=quiet)
    baselines = [row for row in rows if row.is_baseline]
    assert [(row.name.partition(" of ")[0], format_cell(row, "bits (exact)") == "-") for row in baselines] == [
        ("baseline: kernel density", False),
        ("baseline: mixture", True),
    ]
    assert 0 < baselines[1].means["bits (dequantized bound)"] < 8
    by_name = {row.name.split()[0]: row for row in rows if not row.is_baseline}
    columns = ["bits (ELBO)", "bits (dequantized bound)", "bits above training images"]
    shown = {name: [format_cell(row, column) == "-" for column in columns] for name, row in by_name.items()}
    assert shown == {"vae": [False, True, False], "glow": [True, False, False], "dcgan": [True, True, True]}
    assert all(row.means["s for 1,000 samples"] > 0 for row in by_name.values())
    model = sparring.load(runs["vae"], whole=True)
    assert by_name["vae"].means["parameters"] == sum(weight.numel() for weight in model.game.parameters())
    assert "| - |" in (tmp_path / "table.md").read_text()
