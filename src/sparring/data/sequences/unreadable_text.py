"""What notations say of texts that they cannot hold."""


class UnreadableTextError(ValueError):
    """A text that a notation cannot hold; says why, as the end of a sentence ("is no molecule: ...")."""
