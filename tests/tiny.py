"""Settings for a DCGAN that trains in moments."""

TINY = {"width": 4, "batch_size": 8, "latent_size": 5, "threads": 1, "log_every": 3, "samples": 4}
