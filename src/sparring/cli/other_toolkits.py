"""What flags are called by other programs that train GANs, and what they are here. Names are without dashes, in American spelling."""

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from sparring.core.errors import SparringError
from sparring.core.formatting import plural

Data = Callable[[], str | None]
"""Gives what the command names as its data."""
Sentence = Callable[[Collection[str], Sequence[str], Data], str]
"""Given the command's own flags, the values after the unknown one, and `Data`: what to write instead; "" if that is of another command."""

MEANT = {
    "--learning-rate": "lr lrate lrg lrgen glr gparamlr learnrate baselr initlr",
    "--discriminator-learning-rate": "lrd lrdisc dlr dparamlr",
    "--betas": "beta beta1 beta2 b1 b2 adambeta1 adambeta2 adambetas",
    "--batch-size": "batch bs batchsz minibatch minibatchsize batchgpu",
    "--size": "resolution res imgsize imagesize imsize imgres imageresolution loadsize finesize cropsize side width height sz",
    "--channels": "nc inputnc imgchannels numchannels color gray rgb",
    "--crop": "preprocess resizemode fit",
    "--out": "output outdir outputdir o savedir savepath savefolder logdir resultsdir checkpointsdir checkpointdir exp expname name "
    "run rundir workdir dest file",
    "--number": "n num numsamples nsamples numimages numimgs nimages count nsample samples howmany batch batchsize images",
    "--samples": "n num numsamples nsamples numimages nimages numgen numfake",
    "--threads": "workers numworkers nworkers ncpu numcpu cpus nthreads numthreads jobs j cores",
    "--latent-size": "nz z zdim dimz latentdim latent zsize noisedim noisesize codedim codesize",
    "--width": "ngf ndf nf ngc chbase dim modeldim gdim ddim features numfilters",
    "--channel-base": "cbase fmapbase fmaps",
    "--channel-max": "cmax fmapmax chmax maxchannels",
    "--data": "dataset dataroot datadir datapath dataname input inputdir path imagesdir imagedir folder source train traindir real root",
    "--target": "targetdir datab domainb trainb style styleimage targets reference",
    "--condition": "cond conditional classcond classconditional nclasses numclasses labels uselabels",
    "--r1": "gamma r1gamma r1weight",
    "--augment": "aug diffaug diffaugment ada usediffaug augmentation",
    "--ema-samples": "ema emadecay emakimg emabeta usema polyak",
    "--sample-every": "sampleinterval samplefreq imgsnap displayfreq displayinterval printfreq evalsample",
    "--log-every": "loginterval logfreq logsteps",
    "--checkpoint-every": "snap snapshot saveevery saveinterval savefreq saveepochfreq checkpointinterval ckptinterval "
    "savelatestfreq networksnapshotticks",
    "--discriminator-steps": "ncritic criticiters critic ndis dsteps numdsteps niterd kd diters",
    "--gradient-penalty": "gp lambdagp lambda wgangplambda gplambda gpweight",
    "--weight-clip": "clip clipvalue clamp cliplower",
    "--objective": "loss ganmode losstype ganloss ganlosstype criterion",
    "--optimizer": "optim opt solver",
    "--precision": "amp fp16 fp32 half mixedprecision dtype bf16 fp16resolutions nofp16 usefp16",
    "--evaluate-every": "metric metrics fid evalevery evalfreq evalinterval evaluate eval",
    "--spectral-norm": "sn usesn specnorm",
    "--unroll": "unrolledsteps unrollsteps",
    "--seed": "randomseed manualseed rngseed seeds s",
    "--truncation": "trunc psi truncationpsi truncationtrick",
    "--label": "class classid classidx cls category labels y",
    "--checkpoint": "ckpt snapshot network model epoch step whichepoch weights",
    "--extractor": "features network inception feature backbone",
    "--held-out": "test testdata val validation holdout testset",
    "--seeds": "seed latents",
    "--frames": "steps numframes n num framecount wframes",
    "--direction": "whichdirection atob btoa",
    "--network": "netg generator",
    "--flip": "mirror xflip hflip horizontalflip noflip",
    "--input-noise": "noise instancenoise noisestd",
    "--label-smoothing": "smooth smoothing onesided",
    "--identity": "lambdaidentity idt lambdaidt",
    "--cycle": "lambdaa lambdab lambdacycle",
    "--l1": "lambdal1",
    "--gradient-accumulation": "accumulate accum gradaccum gradientaccumulateevery accumulationsteps",
    "--steps": "iters iterations niters maxiter maxsteps numsteps totalsteps nsteps niter numiters step trainsteps",
    "--real-samples": "images nimg totalimages",
    "--minutes": "time hours timelimit maxminutes duration",
    "--device": "backend accelerator",
}  # fmt: skip
"""By our flags: what others call them. Of several that a command has, the first one is named."""

EPOCHS = ["epochs", "epoch", "nepoch", "nepochs", "numepochs", "maxepochs", "trainepochs", "nepochsdecay", "totalepochs"]
THOUSANDS = ["kimg", "totalkimg", "duration"]
GPUS = ["gpu", "gpus", "cuda", "gpuid", "gpuids", "usecuda", "usegpu", "mps", "gpunum", "ngpu", "ngpus", "numgpus"]
NO_GPU = ["cpu", "nocuda", "nogpu", "usecpu"]
GOING_ON = ["resume", "resumefrom", "resumepkl", "continue", "continuetrain", "load", "loadcheckpoint", "restore", "pretrained", "finetune"]
BEGINNINGS = ["init", "initialization", "inittype", "initgain", "weightinit", "initializer"]
MIRRORED = ["mirror", "flip", "xflip", "hflip", "horizontalflip", "noflip"]
RECIPES = ["model", "arch", "architecture", "gan", "recipe", "cfg", "config", "type", "network", "gantype", "netd"]
METRICS = ["metric", "metrics", "fid", "kid"]
DIRECTIONS = ["direction", "whichdirection"]
QUIET = ["verbose", "quiet", "debug", "v", "q", "progress"]


def meant_by(name: str) -> Iterator[str]:
    """Our flags for what another program calls `name`."""
    return (own for own, names in MEANT.items() if name in names.split())


def _epochs(flags: Collection[str], values: Sequence[str], data: Data) -> str:
    if "--real-samples" not in flags:
        return ""
    count = _count(values)
    images = _images_of(data()) if count else None
    if count and images:
        these = f"{plural(count, 'epoch', 'epochs')} of {'this image' if images == 1 else f'these {images:,} images'}"
        example = f"; {these} {'is' if count == 1 else 'are'} --real-samples {round(count * images)}"
    else:
        example = "; an epoch is as many --real-samples as there are in the data"
    return f"say how long with --minutes, --real-samples or --steps{example}."


def _thousands(flags: Collection[str], values: Sequence[str], _: Data) -> str:
    if "--real-samples" not in flags:
        return ""
    count = _count(values)
    return f"say how long with --minutes, --real-samples or --steps{f': --real-samples {round(1000 * count)}' if count else ''}."


def _gpus(flags: Collection[str], _: Sequence[str], __: Data) -> str:
    if "--device" not in flags:
        return "this needs no GPU: leave it out."
    own = " A GPU is taken by itself where there is one." if "--minutes" in flags else ""
    return f"give --device cuda.{own}"


def _no_gpu(flags: Collection[str], _: Sequence[str], __: Data) -> str:
    return "give --device cpu." if "--device" in flags else "it runs on the CPU: leave it out."


def _going_on(_: Collection[str], values: Sequence[str], __: Data) -> str:
    run = values[0] if len(values) == 1 and Path(values[0]).is_dir() else "RUN"
    return f"a run is gone on with by a command of its own: sparring resume {run}. Weights of other programs: sparring import FILE."


def _beginnings(flags: Collection[str], _: Sequence[str], __: Data) -> str:
    return (
        "weights begin as the recipe's paper has it; there is no setting for that. Another beginning: --seed." if "--seed" in flags else ""
    )


def _mirrored(flags: Collection[str], _: Sequence[str], __: Data) -> str:
    if "--flip" in flags:
        return "here this is --flip or --no-flip."
    return "images are not mirrored; for small data sets there is --augment ada or --augment diffaugment." if "--augment" in flags else ""


def _recipes(flags: Collection[str], _: Sequence[str], __: Data) -> str:
    return (
        "the recipe comes right after the command: sparring train RECIPE --data DATA. All of them: sparring recipes."
        if "--steps" in flags
        else ""
    )


def _metrics(flags: Collection[str], _: Sequence[str], __: Data) -> str:
    return "every score is computed at once; for FID and KID as published give --extractor inception." if "--extractor" in flags else ""


def _directions(flags: Collection[str], _: Sequence[str], __: Data) -> str:
    if "--target" not in flags or "--steps" not in flags:
        return ""
    return "--data holds the inputs and --target what is made of them; with both halves in one image: --side-by-side left or right."


def _quiet(_: Collection[str], __: Sequence[str], ___: Data) -> str:
    return "there is no such flag: leave it out. What is printed is short, and all of it is kept in the run directory."


SENTENCES: dict[str, Sentence] = {
    name: sentence
    for names, sentence in (
        (EPOCHS, _epochs), (THOUSANDS, _thousands), (GPUS, _gpus), (NO_GPU, _no_gpu), (GOING_ON, _going_on), (BEGINNINGS, _beginnings),
        (MIRRORED, _mirrored), (RECIPES, _recipes), (QUIET, _quiet), (METRICS, _metrics), (DIRECTIONS, _directions),
    )
    for name in names
}  # fmt: skip
"""What is said of flags that have no single counterpart."""


def _count(values: Sequence[str]) -> float | None:
    try:
        count = float(values[0])
    except (IndexError, ValueError):
        return None
    return count if 0 < count < 1e9 else None


def _images_of(data: str | None) -> int | None:
    """How many images a source holds, where listing them is quick: not for what would have to be downloaded."""
    from sparring.data.open_source import open_source, source_names  # noqa: PLC0415 (slow to import, and seldom needed)

    if data is None or not (data in source_names() or Path(data).exists()):
        return None
    try:
        return len(open_source(data))
    except SparringError:
        return None


CALLED = {
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
"""By our commands: what others call them."""
FOLLOWED = {
    "sample": "RUN", "judge": "RUN", "data inspect": "DATA", "data prepare": "DATA", "train": "RECIPE --data DATA", "resume": "RUN",
    "pack": "RUN FILE", "import": "FILE", "translate": "RUN IN OUT", "interpolate": "RUN", "diagnose": "RUN", "doctor": "--data DATA",
    "compare": "RUN RUN", "playground": "RECIPE", "latent project": "RUN IMAGE",
}  # fmt: skip
"""What comes after a command."""
OTHERS = {
    "info": "a run is looked over by: sparring diagnose RUN",
    "show": "images of a data set are shown by: sparring data inspect DATA",
    "test": "images are made of images by: sparring translate RUN IN OUT",
    "infer": "images are drawn from noise by: sparring sample RUN",
    "predict": "images are drawn from noise by: sparring sample RUN",
    "inference": "images are drawn from noise by: sparring sample RUN",
    "convert": "images are resized once for training by: sparring data prepare DATA; a run becomes one file by: sparring pack RUN FILE",
    "export": "single images are written by: sparring sample RUN --out FOLDER",
    "inspect": "a run is looked over by: sparring diagnose RUN",
    "load": "a run is gone on with by: sparring resume RUN",
}
"""What else such a word may mean."""


def command_for(word: str) -> str:
    """A sentence that names our command for what another program calls `word`; "" if none is known."""
    own = next((own for own, words in CALLED.items() if word.lower().replace("_", "-") in words.replace("_", "-").split()), None)
    if own is None:
        return ""
    command = " ".join(["sparring", own, *([FOLLOWED.get(own, "RUN")] if own not in ("recipes", "--help", "--version") else [])])
    begin = " To begin with: sparring train dcgan --data DATA." if own == "train" else ""
    more = f" ({OTHERS[word.lower()]})" if word.lower() in OTHERS else ""
    return f"That is: {command}{more}.{begin}"
