"""Floor 3, the latent space: plain functions on latents."""
