"""The latent space of a trained model: w where the generator has styles, z where not."""
