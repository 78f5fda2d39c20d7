"""A language model of notes: what each voice does at each step, from all that came before."""

from dataclasses import dataclass
from typing import ClassVar

from sparring.games.music_language_model import MusicLanguageRecipe


@dataclass(frozen=True, kw_only=True)
class MusicLM(MusicLanguageRecipe):
    """No GAN: it learns by likelihood. It is what GANs of music are compared with. In place of the paper's deep network over single tokens,
    one layer goes from step to step, and the voices follow each other within a step.
    """

    title: ClassVar[str] = "A language model of notes: step by step, with exact likelihoods"
    paper: ClassVar[str] = "after Liang et al. 2017: Automatic Stylistic Composition of Bach Chorales with Deep LSTM (ISMIR 2017)"
    data: ClassVar[str] = "music of tracks with one note at a time: MIDI, MusicXML, ABC, or chorales"


RECIPE = MusicLM
