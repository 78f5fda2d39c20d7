"""Arguments that several commands have."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

DATA = "fashion10k, emoji, a folder, a zip, IDX files, a .npy or .npz file, torchvision:NAME or hf:NAME"
"""All kinds of data that can be named."""
TABLES = "flights, stocks, eunomia, bikes, or a CSV, Parquet, Feather, JSON lines or Excel file"
"""All tables that can be named."""
TEXTS = "a text file (.txt, .smi, .abc), a folder of them, or a table with --text"
"""All texts that can be named."""
MUSIC = "chorales, or a folder or file of .mid, .mxl, .musicxml or .abc"
"""All music that can be named."""

Run = Annotated[Positional[Path], arg(metavar="RUN", help="A run directory, or a packed .safetensors file.")]
ResumedRun = Annotated[Positional[Path], arg(metavar="RUN", help="The run directory to continue.")]
Source = Annotated[Positional[str], arg(metavar="DATA", help=f"The data: {DATA}.")]
TrainingData = Annotated[
    str,
    arg(
        metavar="DATA",
        help=f"The training data: {DATA}. For recipes on tables, time series, health records and orders: {TABLES}. For recipes on texts: "
        f"{TEXTS}. For recipes on music: {MUSIC}.",
    ),
]
Device = Annotated[Literal["cpu", "cuda"], arg(help="Compute on the CPU (cpu) or on a GPU (cuda).")]
Checkpoint = Annotated[str, arg(help='Which checkpoint to use: "last", "best", or the step of a checkpoint that was kept.')]
