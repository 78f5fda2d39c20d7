"""GANs as games: players take turns, and the trainer knows nothing else."""
