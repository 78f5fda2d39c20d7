"""The page that stands beside a published model: what it makes, how good it is and by which protocol, from what it was made, on what terms.

Nothing in it names a file or folder of the machine that it was made on, and no training image is shown.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sparring import __version__, recipes
from sparring.core.errors import CheckpointError
from sparring.core.formatting import plural
from sparring.games.capabilities import Translates
from sparring.inference.model import Model
from sparring.runs.config import Config, differing, read_config
from sparring.runs.run_directory import RunDirectory

DATA_LICENSES = {
    "fashion10k": "Fashion-MNIST: MIT, Zalando SE",
    "emoji": "Noto Emoji: Apache-2.0, Google",
    "emoji:google": "Noto Emoji: Apache-2.0, Google",
    "emoji:twitter": "Twemoji: CC-BY-4.0, Twitter, Inc and other contributors",
}
"""Terms of the images that come with Sparring, by name."""
NOT_STATED = "not stated"
FOLDERS = re.compile(r"(?<!\S)([\"'(]?)(?:[A-Za-z]:)?[/\\]\S*[/\\](?=\S)")
"""The folders of an absolute path in a text."""


@dataclass(frozen=True)
class CardFacts:
    """What a card says beside what the model itself knows."""

    repository: str
    """Where the model is published: "name/model"."""
    license: str
    """Terms of the weights: an identifier that the hub knows, such as "mit"; "other" if none fits."""
    data_license: str
    """Terms of the training data, in words; "": those of data that comes with Sparring, or not stated."""
    file: str
    """Name of the file with the model."""
    image: str
    """Name of the file with samples; "": there is none."""


def without_folders(text: str) -> str:
    """A text in which of absolute paths only the last name is left."""
    return FOLDERS.sub(r"\1", text)


def public_report(model: Model) -> dict[str, Any] | None:
    """The scores of a run in report.json, without names of files; None if it was not judged. CheckpointError if the file is damaged."""
    path = model.source / "report.json"
    if not path.is_file():
        return None
    try:
        report = json.loads(path.read_bytes())
        scores = [dict(score) for score in report["scores"]]
        numbers = {"step": report["fake"]["step"], "samples": report["fake"]["count"], "real images": report["real"]["count"]}
        distances = [float(pair["distance"]) for pair in report["pairs"]]
        kept = ("name", "value", "standard_error", "interval", "better", "warning", "extractor", "resize")
        rows = [{name: score[name] for name in kept if name in score} for score in scores]
        return {
            "sparring": report["sparring"], **numbers, "scores": rows, "nearest training images": distances,
            "sentences": [without_folders(each) for each in report["sentences"]],
            "notes": [without_folders(each) for each in report["notes"]],
        }  # fmt: skip
    except (KeyError, TypeError, ValueError) as problem:
        raise CheckpointError(f"{path} is damaged, or from another version: {problem!r}. Judge the run again: sparring judge.") from None


def model_card(model: Model, facts: CardFacts) -> str:
    """The card as Markdown, with the header that the hub reads."""
    recipe, name = model.recipe, recipes.name_of(model.recipe)
    translates = isinstance(model.game, Translates)
    task = "image-to-image" if translates else "unconditional-image-generation"
    run = RunDirectory(model.source)
    config = read_config(run) if run.exists() else None
    lines = [
        "---", f"license: {facts.license}", "library_name: sparring", f"pipeline_tag: {task}", f"tags: [gan, {name}]", "---", "",
        f"# {facts.repository.partition('/')[2]}", "", *([f"![Samples, not chosen]({facts.image})", ""] if facts.image else []),
        f"{type(recipe).title} (`{name}`, {type(recipe).paper.partition(':')[0]}), trained with Sparring {__version__}. {model.spec}.", "",
        *_use(facts, translates),
        *_scores(public_report(model), model),
        *_training(model, config, facts),
        "## Files", "",
        f"`{facts.file}` holds tensors and JSON, and no code: nothing in it is executed when it is loaded.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _use(facts: CardFacts, translates: bool) -> list[str]:
    verb = "translate {} IN OUT" if translates else "sample {} -n 64 --seed 1"
    local = f"{facts.repository.partition('/')[2]}.safetensors"
    return ["## Use", "", "```console", f"$ sparring pull {facts.repository}", f"$ sparring {verb.format(local)}", "```", ""]


def _scores(report: Mapping[str, Any] | None, model: Model) -> list[str]:
    if report is None:
        return ["## Scores", "", "This model was not judged. (`sparring judge` does, before it is published.)", ""]
    lines = ["## Scores", ""]
    if model.step is not None and report["step"] != model.step:
        lines += [f"**These are scores of step {report['step']:,}, and the weights are those of step {model.step:,}.**", ""]
    first = report["scores"][0]
    how = f" Features of {first['extractor']}." if "extractor" in first else ""
    lines += [
        f"{plural(report['samples'], 'sample', 'samples')} against {report['real images']:,} real images.{how} Errors are standard errors.",
        "",
    ]
    lines += ["| score | value | error | better | |", "|---|---|---|---|---|"]
    for score in report["scores"]:
        error = score.get("standard_error")
        shown = f"{score['value']:.4g}", "" if error is None else f"± {error:.2g}"
        lines.append(f"| {score['name']} | {shown[0]} | {shown[1]} | {score['better']} | {score.get('warning', '')} |")
    lines += ["", *(f"- {sentence}" for sentence in report["sentences"]), ""]
    if distances := sorted(report["nearest training images"]):
        lines += [
            f"The samples nearest to a training image are {distances[0]:.3g} to {distances[-1]:.3g} from it, in the same features.",
            "",
        ]
    return lines


def _training(model: Model, config: Config | None, facts: CardFacts) -> list[str]:
    changed = differing(asdict(model.recipe), asdict(type(model.recipe)()))
    lines = ["## Training", ""]
    name = "" if config is None else Path(config["data"]["source"]).name
    terms = facts.data_license or DATA_LICENSES.get(name, NOT_STATED)
    if config is not None:
        data = config["data"]
        count = f", {data['count']:,} items" if isinstance(data.get("count"), int) else ""
        lines += [f"- Data: {name}{count}. Fingerprint of its content: {str(data['fingerprint'])[:16]}."]
    lines += [f"- Terms of the data: {terms}."]
    if model.step:
        lines += [f"- Steps: {model.step:,}."]
    if changed:
        lines += ["- Settings that differ from the recipe's own: " + ", ".join(f"`{key}` {value}" for key, value in changed.items()) + "."]
    return [*lines, ""]
