"""`sparring density`: how likely images are under a model with a likelihood."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional, arg

from sparring.cli.arguments.shared import Checkpoint, Device, Run
from sparring.core.console import console

if TYPE_CHECKING:
    from sparring.inference.model import Model

SHOWN = 10
KINDS = {
    "exact": "Exact.",
    "dequantized bound": "A bound: of pixels with uniform noise. The true value is at most this.",
    "ELBO": "A bound: the evidence lower bound. The true value is at most this.",
}


def density(
    run: Run,
    images: Annotated[
        Positional[str | None],
        arg(metavar="[DATA]", help="Images, or a file of texts, to look at. Default: those of the run, trained on and held out."),
    ] = None,
    number: Annotated[int, arg(aliases=["-n"])] = 1000,
    importance: int | None = None,
    out: Path | None = None,
    device: Device = "cpu",
    checkpoint: Checkpoint = "last",
) -> int:
    """Say how likely images are, in bits for each number of an image: few for images like those trained on, 8 for noise. Of texts, in nats
    a token.

    Args:
        number: Number of images or texts at most, evenly spread over the data.
        importance: Number of latents for each image, of variational autoencoders: a bound (IWAE-64, for 64) that rises to the truth with
            their number, and takes as much longer. Default: the evidence lower bound.
        out: A .csv file to write, with the bits of each image, or the nats a token of each text.
    """
    from sparring import api
    from sparring.core.atomic_files import write_bytes
    from sparring.core.errors import SettingsError
    from sparring.games.capabilities import MakesSequences
    from sparring.inference.data_of_model import data_of
    from sparring.inference.likelihood import bits_of, bits_of_run, likelihood_kind, mean_bits, spread

    if number < 1:
        raise SettingsError(f"number must be at least 1, not {number}.")
    if out is not None and (out.suffix != ".csv" or images is None):
        raise SettingsError(f"{out}: the bits of each image are written as .csv, of data that is named.")
    screen = console()
    model = api.load(run, checkpoint=checkpoint).on(device)
    if isinstance(model.game, MakesSequences):
        if importance is not None:
            raise SettingsError(f"{run} makes texts, and --importance is for variational autoencoders of images: leave it out.")
        return _density_of_texts(model, images, number, out)
    kind = likelihood_kind(model, importance)
    if images is None:
        trained_on, held_out = bits_of_run(model, number, importance)
        screen.print(f"Trained on: {trained_on}", highlight=False)
        if held_out is not None:
            screen.print(f"Held out: {held_out}", highlight=False)
            error = (trained_on.error**2 + held_out.error**2) ** 0.5
            screen.print(f"Difference: {held_out.mean - trained_on.mean:+.3f} ± {error:.3f}", highlight=False)
        screen.print(_explained(kind))
        return 0
    store = data_of(model, images)
    chosen = spread(len(store), number)
    bits = bits_of(model, store, chosen, importance)
    names = [store.names[index] for index in chosen]
    screen.print(f"{images}: {mean_bits(bits)}. {_explained(kind)}", highlight=False)
    screen.print("The least likely:")
    for place in bits.argsort()[::-1][:SHOWN]:
        screen.print(f"  {bits[place]:.3f}  {names[place]}", highlight=False, markup=False)
    if out is not None:
        lines = ["image,bits_per_dimension,kind", *(f'"{name}",{value:.5f},{kind}' for name, value in zip(names, bits, strict=True))]
        write_bytes(out, ("\n".join(lines) + "\n").encode())
        screen.print(f"All of them: {out}")
    return 0


def _explained(kind: str) -> str:
    """What a kind of likelihood means."""
    latents = kind.removeprefix("IWAE-")
    return KINDS[kind] if latents == kind else f"A bound: {kind}, from {latents} latents for each image. The true value is at most this."


def _density_of_texts(model: "Model", source: str | None, number: int, out: Path | None) -> int:
    import numpy as np

    from sparring.core.atomic_files import write_bytes
    from sparring.core.errors import SettingsError
    from sparring.data.sequences.sequence_store import prepare_sequences
    from sparring.data.sequences.sequences_reading import SequencesReading
    from sparring.evaluation.judge_text_sources import likelihood_of_run
    from sparring.inference.texts import log_likelihoods, sequence_spec_of

    screen, spec = console(), sequence_spec_of(model)
    if source is None:
        found = likelihood_of_run(model)
        if found is None:
            raise SettingsError(f"{model.source} knows no likelihoods, or held no texts out. Name a file of texts, for a model that does.")
        screen.print(f"Trained on: {found.training:.4f} nats a token", highlight=False)
        screen.print(f"Held out: {found.held_out:.4f} ± {found.held_out_error:.4f} nats a token", highlight=False)
        screen.print(KINDS[found.kind])
        return 0
    data, _ = prepare_sequences(source, SequencesReading(notation=spec.notation))
    texts = data.texts()[:: max(1, -(-len(data) // number))]
    tokens = np.array([min(len(spec.cut.tokens_of(text)) + 1, spec.length) for text in texts])
    nats = -log_likelihoods(model, texts) / tokens
    mean = float((nats * tokens).sum() / tokens.sum())
    screen.print(f"{source}: {mean:.4f} nats a token ({len(texts):,} {spec.cut.items})", highlight=False)
    screen.print("The least likely:")
    for place in nats.argsort()[::-1][:SHOWN]:
        screen.print(f"  {nats[place]:.3f}  {texts[place]}", highlight=False, markup=False)
    if out is not None:
        quoted = [text.replace('"', '""') for text in texts]
        lines = ["text,nats_per_token", *(f'"{text}",{value:.5f}' for text, value in zip(quoted, nats, strict=True))]
        write_bytes(out, ("\n".join(lines) + "\n").encode())
        screen.print(f"All of them: {out}")
    return 0
