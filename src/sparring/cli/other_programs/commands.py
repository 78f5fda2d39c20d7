"""What commands are called in other GAN programs, and in Sparring."""

NAMES_ELSEWHERE = {
    "sample": "generate gen draw show image images create synthesize render",
    "judge": "eval evaluate evaluation fid score metrics metric test kid validate quality",
    "data inspect": "inspect info stats statistics look describe dataset explore",
    "data prepare": "prepare preprocess resize dataset_tool dataset-tool",
    "train": "run fit new init start begin learn create-run",
    "resume": "continue restart go-on goon restore finetune",
    "recipes": "list ls models recipe zoo architectures",
    "pack": "export save freeze compress publish",
    "import": "load convert import-weights download-weights legacy",
    "translate": "infer predict inference transform apply stylize convert-images",
    "interpolate": "walk morph video movie interpolation latent-walk",
    "diagnose": "diagnosis debug check status why monitor plot curves logs health",
    "doctor": "recommend advise advice suggest",
    "compare": "rank benchmark comparison diff",
    "playground": "play toy demo points",
    "latent project": "project projection invert inversion projector",
    "latent mix": "mix style-mix style-mixing stylemix mixing",
    "latent directions": "directions edit sefa ganspace",
    "latent move": "move",
    "latent arithmetic": "arithmetic",
    "latent truncation": "truncation",
    "latent drop": "drop",
    "eye classify": "classify probe",
    "eye filters": "filters visualize",
    "--help": "usage manual man",
    "--version": "version",
}
"""By our command: its names in other programs."""
OPERANDS = {
    "sample": "RUN", "judge": "RUN", "data inspect": "DATA", "data prepare": "DATA", "train": "RECIPE --data DATA", "resume": "RUN",
    "pack": "RUN FILE", "import": "FILE", "translate": "RUN IN OUT", "interpolate": "RUN", "diagnose": "RUN", "doctor": "--data DATA",
    "compare": "RUN RUN", "playground": "RECIPE", "latent project": "RUN IMAGE",
}  # fmt: skip
"""By our command: what it is followed by in an example."""
ALTERNATIVES = {
    "info": "to look at a run: sparring diagnose RUN",
    "show": "to look at a data set: sparring data inspect DATA",
    "test": "to translate images: sparring translate RUN IN OUT",
    "infer": "to generate images from noise: sparring sample RUN",
    "predict": "to generate images from noise: sparring sample RUN",
    "inference": "to generate images from noise: sparring sample RUN",
    "convert": "to resize images for training: sparring data prepare DATA; to export a run to one file: sparring pack RUN FILE",
    "export": "to write single images: sparring sample RUN --out FOLDER",
    "inspect": "to look at a run: sparring diagnose RUN",
    "load": "to continue a run: sparring resume RUN",
}
"""By name in other programs: what else it may mean."""


def our_command_for(word: str) -> str:
    """A sentence with our command for what another program calls `word`; "" if none is known."""
    name = word.lower().replace("_", "-")
    own = next((own for own, words in NAMES_ELSEWHERE.items() if name in words.replace("_", "-").split()), None)
    if own is None:
        return ""
    command = " ".join(["sparring", own, *([OPERANDS.get(own, "RUN")] if own not in ("recipes", "--help", "--version") else [])])
    start = " For example: sparring train dcgan --data DATA." if own == "train" else ""
    more = f" ({ALTERNATIVES[word.lower()]})" if word.lower() in ALTERNATIVES else ""
    return f"Use: {command}{more}.{start}"
