"""eCommerceGAN: order lines in the space of learned vectors of customers and products."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.core.settings_checks import Ranges
from sparring.data.orders.order_spec import OrdersSpec
from sparring.games.orders_gan import OrdersGame, entity_vectors, part_width
from sparring.games.orders_recipe import OrdersRecipe
from sparring.losses.objectives import ObjectiveName
from sparring.nets import orders as nets


@dataclass(frozen=True, kw_only=True)
class EcGAN(OrdersRecipe):
    """Vectors of customers and products are learned from the log first. A line is then a dense vector, and the discriminator compares each
    generated one with a real one, with gradients penalized on both (Huang et al. 2024, R3GAN), in place of the paper's Wasserstein critic.
    """

    title: ClassVar[str] = "eCommerceGAN: orders, and who buys a product, when and at what price"
    paper: ClassVar[str] = "Kumar, Biswas, Sanyal 2018: eCommerceGAN: A Generative Adversarial Network for E-commerce (arXiv:1801.03244)"
    data: ClassVar[str] = "orders (.csv, .parquet and others, or a data frame), with --customer or --product"
    ranges: ClassVar[Ranges] = {
        **OrdersRecipe.ranges,
        "generator_hidden": {"at least": 1, "at most": 2**14},
        "discriminator_hidden": {"at least": 1, "at most": 2**14},
        "layers": {"at least": 1, "at most": 64},
    }

    batch_size: int = 250
    """Number of real order lines in each batch."""
    latent_size: int = 64
    """Number of dimensions of the latent vector."""
    objective: ObjectiveName = "relativistic"
    """Losses of generator and discriminator. (For the others, see `sparring train dcgan --help`.)"""
    learning_rate: float = 2e-3
    """Learning rate of both networks, until it begins to fall."""
    betas: tuple[float, float] = (0.0, 0.99)
    """Adam's decay rates, for the mean and the variance of gradients."""
    r1: float | None = 5.0
    """Weight gamma of R1."""
    r2: float | None = 5.0
    """Weight gamma of R2."""
    penalty_every: int = 2
    """Compute gradient penalties only every this many steps."""
    ema_samples: float = 100_000
    """Half-life of the moving average of the weights, in real samples."""
    generator_hidden: int = 256
    """Number of units in each hidden layer of the generator."""
    layers: int = 3
    """Number of hidden layers of the generator."""
    discriminator_hidden: tuple[int, ...] = (256, 256)
    """Number of units in each hidden layer of the discriminator."""
    constant_rate_samples: int | None = 200_000
    """Number of real samples from which learning rates fall with the square root of their number. None: they stay constant."""

    def build(self, spec: OrdersSpec) -> OrdersGame:
        """See Recipe."""
        entities = {name: entity_vectors(spec, name, self.embedding_size) for name in ("customer", "product") if name in spec.sizes}
        targets = len(spec.numbers) + 5 * ("day" in spec.sizes) + ("product" in spec.sizes)
        parts = (*spec.sizes, *spec.numbers)
        width = sum(part_width(name, self.embedding_size) for name in parts)
        generator = nets.VectorGenerator(self.latent_size, width + len(parts), width, self.generator_hidden, self.layers)
        discriminator = nets.VectorCritic(self.packing * (width + len(parts)), self.discriminator_hidden)
        embeddings = nets.OrderEmbeddings(entities, targets, self.embedding_size)
        return OrdersGame(spec, embeddings, generator, discriminator, self)


RECIPE = EcGAN
