"""Augmentation of the discriminator's inputs, real and generated alike, so that it does not memorize small data sets."""
