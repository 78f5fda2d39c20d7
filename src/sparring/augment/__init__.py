"""Changes to all that a discriminator sees, real and generated alike, so that few images are not memorized."""
