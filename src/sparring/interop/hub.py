"""`sparring push` and `pull`: models to and from the Hugging Face hub. What is pulled is tensors and JSON of one commit, and never code."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sparring.core.atomic_files import replacing, sha256_of_file, write_bytes, write_json
from sparring.core.errors import CheckpointError, DataError, SettingsError, SparringError, missing_extra
from sparring.core.file_kinds import kind_of
from sparring.games.capabilities import Samples
from sparring.inference.load import load
from sparring.inference.model import Model
from sparring.inference.pack import pack
from sparring.interop.model_card import CardFacts, model_card, public_report
from sparring.media.save_images import save_images

if TYPE_CHECKING:
    from huggingface_hub import HfApi

MODEL, CARD, IMAGE, REPORT = "model.safetensors", "README.md", "samples.png", "report.json"
"""Names of the files in a repository."""
BESIDE = (".onnx", ".html", ".png", ".webp", ".gif", ".md", ".txt", ".json")
"""Endings of further files that may be published beside a model."""
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
SAMPLES = 64


@dataclass(frozen=True)
class Pulled:
    """A model that was fetched."""

    path: Path
    """The packed model."""
    repository: str
    commit: str
    """All 40 digits: a later commit cannot change what this one holds."""
    digest: str
    """SHA-256 of the file."""


def push(
    model: Model | str | os.PathLike[str],
    repository: str,
    *,
    license: str = "other",
    data_license: str = "",
    private: bool = True,
    beside: Sequence[str | os.PathLike[str]] = (),
) -> str:
    """Publish a model of images with a card and samples, and its scores if it was judged; give the address of the commit.

    `repository`: "name/model", made if it is not there. `license`: terms of the weights, as the hub calls them. `data_license`: those of
    the training data, in words. `private`: only its owner sees it. `beside`: further files, such as an exported ONNX or page. No training
    image is published, and no name of a file. Who pushes is known by HF_TOKEN, or by `hf auth login`. Raises a SparringError that says
    what is wrong.
    """
    refuse_wrong_name(repository)
    refuse_files([Path(each) for each in beside])
    api = hub()
    model = without_paths(model if isinstance(model, Model) else load(model))
    with tempfile.TemporaryDirectory() as folder, hub_errors_explained(repository):
        write_files(model, Path(folder), repository, license, data_license, [Path(each) for each in beside])
        api.create_repo(repository, private=private, exist_ok=True)
        commit = api.upload_folder(repo_id=repository, folder_path=folder, commit_message="A model trained with Sparring")
    return str(commit.commit_url)


def without_paths(model: Model) -> Model:
    """The model without folders of this machine in its recipe's settings (of a file, its name is left)."""
    texts = {field.name: getattr(model.recipe, field.name) for field in fields(model.recipe)}
    names = {name: Path(text).name for name, text in texts.items() if isinstance(text, str) and os.sep in text}
    return replace(model, recipe=replace(model.recipe, **names)) if names else model


def write_files(model: Model, folder: Path, repository: str, terms: str, data_terms: str, beside: Sequence[Path] = ()) -> None:
    """Write all that is published of a model into a folder. `terms`, `data_terms`: licenses of the weights and of the data."""
    pack(model, folder / MODEL)
    has_samples = isinstance(model.game, Samples)
    if has_samples:
        save_images(model.sample(SAMPLES, seed=0), folder / IMAGE)
    facts = CardFacts(repository, terms, data_terms, MODEL, IMAGE if has_samples else "")
    report = public_report(model)
    if report is not None:
        write_json(folder / REPORT, report)
    for each in beside:
        shutil.copy(each, folder / each.name)
    write_bytes(folder / CARD, model_card(model, facts).encode())


def pull(repository: str, out: str | os.PathLike[str] | None = None) -> Pulled:
    """Fetch a published model, and give where it lies and of which commit it is.

    `repository`: "name/model", or "name/model@revision" for a branch, tag or commit. `out`: the .safetensors file to write; by default the
    model's name, here. Beside it a JSON file says where it is from. Only that file is fetched; nothing is executed. Raises a SparringError
    that says what is wrong.
    """
    name, _, revision = repository.partition("@")
    refuse_wrong_name(name)
    path = Path(f"{name.partition('/')[2]}.safetensors" if out is None else out)
    if path.suffix != ".safetensors":
        raise SettingsError(f"{path} is no name for a model: give a file that ends with .safetensors.")
    if path.exists():
        raise SettingsError(f"{path} exists already. Give another name, or remove it.")
    api = hub()
    with tempfile.TemporaryDirectory() as folder, hub_errors_explained(repository):
        found = api.model_info(name, revision=revision or None)
        files = sorted(each.rfilename for each in found.siblings or ())
        if MODEL not in files:
            raise DataError(
                f"{name} has no {MODEL}, so it is no model that `sparring push` has published. It has: {', '.join(files) or 'nothing'}."
            )
        assert found.sha is not None
        fetched = Path(api.hf_hub_download(name, MODEL, revision=found.sha, local_dir=folder))
        if kind_of(fetched).holds != "model":
            raise CheckpointError(f"{MODEL} in {name} is {kind_of(fetched).says}, and no model that Sparring has packed. Nothing was kept.")
        digest = sha256_of_file(fetched)
        with replacing(path) as temporary:
            shutil.copy(fetched, temporary)
    write_json(path.with_suffix(".source.json"), {"repository": name, "commit": found.sha, "sha256": digest})
    load(path)  # what cannot be read is said now
    return Pulled(path, name, found.sha, digest)


def hub() -> "HfApi":
    """The hub's interface; a SparringError that names the extra if it is not installed."""
    try:
        from huggingface_hub import HfApi  # noqa: PLC0415 (an extra)
    except ModuleNotFoundError:
        raise missing_extra("huggingface_hub", "hub", "Publishing and fetching models") from None
    return HfApi(endpoint=os.environ.get("HF_ENDPOINT"), library_name="sparring")


def refuse_wrong_name(repository: str) -> None:
    """Raise a SettingsError if that cannot be the name of a repository."""
    if not REPOSITORY.fullmatch(repository):
        raise SettingsError(f"{repository!r} is no name of a repository on the hub. Give NAME/MODEL, such as ada/garments.")


def refuse_files(files: Sequence[Path]) -> None:
    """Raise a SettingsError that lists every file that cannot be published beside a model, and why."""
    problems = [f"{each} is not there" for each in files if not each.is_file()]
    problems += [f"{each} ends with none of {', '.join(BESIDE)}" for each in files if each.suffix.lower() not in BESIDE]
    problems += [f"{each} has the name of a file that is made" for each in files if each.name in {CARD, IMAGE, REPORT}]
    if problems:
        raise SettingsError(f"These files cannot be published: {'; '.join(problems)}.")


@contextmanager
def hub_errors_explained(repository: str) -> Iterator[None]:
    """In the block, an error of the hub or of the connection is raised as a DataError with what to do."""
    from huggingface_hub import errors  # noqa: PLC0415 (an extra)

    # of the library that the hub's own is built on, in which its versions differ
    connection_error: type[Exception] = errors.HfHubHTTPError.__mro__[1]
    try:
        yield
    except SparringError:
        raise
    except errors.GatedRepoError:
        raise DataError(f"{repository} is only for those whom its owner has let in: ask on its page, and log in (hf auth login).") from None
    except errors.RevisionNotFoundError:
        raise DataError(f"There is no such revision: {repository}. Give a branch, a tag or a commit after the @.") from None
    except errors.RepositoryNotFoundError:
        raise DataError(f"There is no {repository} on the hub, or it is private: check the name, or log in (hf auth login).") from None
    except errors.LocalTokenNotFoundError:
        raise DataError("You are not known to the hub. Log in (hf auth login), or set HF_TOKEN.") from None
    except errors.HfHubHTTPError as problem:
        refused = problem.response is not None and problem.response.status_code in {401, 403}
        more = " Log in (hf auth login), or set HF_TOKEN, with the right to write." if refused else ""
        raise DataError(f"The hub refused: {str(problem).splitlines()[0]}{more}") from None
    except (connection_error, OSError) as problem:
        raise DataError(f"The hub cannot be reached: {problem}. Nothing was changed here.") from None
