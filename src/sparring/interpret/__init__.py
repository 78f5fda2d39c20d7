"""What a discriminator has learned."""
