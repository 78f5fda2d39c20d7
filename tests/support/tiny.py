"""Settings with which recipes train in moments."""

TINY = {"width": 4, "batch_size": 8, "latent_size": 5, "threads": 1, "log_every": 3, "samples": 4}
"""For DCGAN."""
SMALL = {
    "pix2pix": {"width": 4, "discriminator_width": 4, "patch_layers": 1, "batch_size": 2},
    "cyclegan": {"width": 4, "discriminator_width": 4, "patch_layers": 1, "blocks": 1, "pool": 3},
    "cut": {"width": 4, "discriminator_width": 4, "patch_layers": 1, "blocks": 2, "patches": 16},
    "style-transfer": {"width": 4, "blocks": 1, "batch_size": 2},
}
"""For translation recipes, by name."""
