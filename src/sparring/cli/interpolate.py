"""`sparring interpolate`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sparring.cli.arguments.images_of_points import ImageNames, PointsFile, images_given
from sparring.cli.arguments.shared import Checkpoint, Device, Run
from sparring.core.console import console
from sparring.core.errors import SettingsError

if TYPE_CHECKING:
    from sparring.inference.model import Model


def interpolate(
    run: Run,
    seeds: ImageNames = (),
    labels: tuple[str, ...] = (),
    frames: int = 16,
    space: Literal["z", "w"] | None = None,
    points: PointsFile = None,
    between: tuple[str, str] | None = None,
    out: Path | None = None,
    device: Device = "cpu",
    checkpoint: Checkpoint = "last",
) -> int:
    """Interpolate between generated images in latent space, as a video or a strip; or between phrases of music, as a song.

    Args:
        seeds: Images to interpolate between: the first of each seed. Default: 0 1 2 3; 0 if several labels are given; all images of
            --points.
        labels: Class of each image, or one class for all. One seed with several labels interpolates between classes. Of several labels,
            values by name, such as age=20,color=red age=60: what an image does not name stays. Default: as in `sparring sample`.
        frames: Number of frames from one image to the next.
        space: Latent space: z (spherical interpolation), or w of style generators (linear interpolation). Default: z; with --points, the
            one that images were projected into, which is w for style generators.
        between: Of models of texts or molecules with codes (latentgan), the two to go between. Default: samples of the seeds.
        out: File to write: a video (.gif, .mp4) or a strip (.png, .webp, .jpg); of music a song of all phrases in turn (.mid, .wav), or
            their piano rolls (.png); of texts and molecules .txt, .smi, a table or, of molecules, a .png. Default: RUN-walk.gif, of music
            RUN-walk.mid, of texts RUN-walk.txt.
    """
    from sparring import api
    from sparring.cli.interpolate_sequences import interpolate_sequences
    from sparring.cli.sample_kinds import ENDINGS
    from sparring.core.formatting import plural
    from sparring.data.tables.table_files import is_table_name
    from sparring.games.capabilities import MakesMusic, MakesSequences
    from sparring.inference.sampling import in_proportion
    from sparring.latent.walks import walk_through
    from sparring.media.image_files import grid, output_kind, save_gif_or_video, save_image
    from sparring.media.pixel_range import float_to_pixels

    if out is not None and not is_table_name(out) and out.suffix.lower() not in ENDINGS:
        output_kind(out, "video", "image")  # before anything is loaded
    stops = images_given(seeds, points, ())
    model = api.load(run, checkpoint=checkpoint).on(device)
    if isinstance(model.game, MakesMusic | MakesSequences):
        if points is not None:
            raise SettingsError(f"{run} makes no images: leave out --points.")
        numbers = [int(seed) for seed in seeds]
        if isinstance(model.game, MakesMusic):
            return _of_music(model, numbers or None, labels, frames, space, out or Path(f"{run.resolve().stem}-walk.mid"))
        if labels or space == "w":
            raise SettingsError(f"{run} makes texts: leave out --labels and --space.")
        return interpolate_sequences(model, numbers or (0, 1), between, frames, out or Path(f"{run.resolve().stem}-walk.txt"))
    if between is not None:
        raise SettingsError(f"--between is for models of texts and molecules, and {run} makes none. Name --seeds.")
    out = out or Path(f"{run.resolve().stem}-walk.gif")
    kind = output_kind(out, "video", "image")
    if points is None:
        found = model.interpolate([int(seed) for seed in seeds] or None, labels=labels or None, frames=frames, space=space or "z")
    else:
        found = walk_through(model, stops, labels=labels or None, frames=frames, space=space)
    images = float_to_pixels(in_proportion(model, found)).cpu().numpy()
    if kind == "video":
        save_gif_or_video(
            [grid(image[None], gap=0, scale=max(1, 256 // max(model.spec.height, model.spec.width))) for image in images], out
        )
    else:
        save_image(grid(images, columns=frames if len(images) > frames + 1 else len(images)), out)
    console().print(f"{plural(len(images), 'frame', 'frames')}: {out}")
    return 0


def _of_music(model: "Model", seeds: Sequence[int] | None, labels: tuple[str, ...], frames: int, space: str | None, out: Path) -> int:
    from sparring.core.errors import SettingsError
    from sparring.core.formatting import plural
    from sparring.inference.music_of_model import interpolate_phrases, music_output, music_spec_of, save_phrases

    if labels or space == "w":
        raise SettingsError(f"{model.source} makes music, which has no classes and no styles: leave out --labels and --space.")
    music_output(out)
    rolls = interpolate_phrases(model, seeds, frames)
    save_phrases(rolls, music_spec_of(model), out, 0)
    console().print(f"{plural(len(rolls), 'phrase', 'phrases')}: {out}", highlight=False)
    return 0
