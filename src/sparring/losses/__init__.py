"""What networks minimize: objectives of the adversarial game, penalties, perceptual and contrastive losses."""
