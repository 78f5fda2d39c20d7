"""What flags are called in other GAN programs, and in Sparring. Names are without dashes, in American spelling."""

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from sparring.core.errors import SparringError
from sparring.core.formatting import plural

DataName = Callable[[], str | None]
"""Returns what the command line names as its data."""
Explanation = Callable[[Collection[str], Sequence[str], DataName], str]
"""Takes the flags that the command has, the values after the unknown flag, and a `DataName`. Returns what to write instead; "" if the flag
makes no sense in that command.
"""

NAMES_ELSEWHERE = {
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
    "--mirror": "flip xflip hflip horizontalflip",
    "--input-noise": "noise instancenoise noisestd",
    "--label-smoothing": "smooth smoothing onesided",
    "--identity": "lambdaidentity idt lambdaidt",
    "--cycle": "lambdaa lambdab lambdacycle",
    "--l1": "lambdal1",
    "--parts": "gradientaccumulation gradientaccumulationsteps accumulate accum gradaccum gradientaccumulateevery accumulationsteps",
    "--steps": "iters iterations niters maxiter maxsteps numsteps totalsteps nsteps niter numiters step trainsteps",
    "--real-samples": "images nimg totalimages",
    "--minutes": "time hours timelimit maxminutes duration",
    "--device": "backend accelerator",
}  # fmt: skip
"""By our flag: its names in other programs. If several of our flags fit and the command has them, the first is suggested."""

EPOCHS = ["epochs", "epoch", "nepoch", "nepochs", "numepochs", "maxepochs", "trainepochs", "nepochsdecay", "totalepochs"]
THOUSANDS = ["kimg", "totalkimg", "duration"]
GPUS = ["gpu", "gpus", "cuda", "gpuid", "gpuids", "usecuda", "usegpu", "mps", "gpunum", "ngpu", "ngpus", "numgpus"]
NO_GPU = ["cpu", "nocuda", "nogpu", "usecpu"]
RESUMING = ["resume", "resumefrom", "resumepkl", "continue", "continuetrain", "load", "loadcheckpoint", "restore", "pretrained", "finetune"]
INITIALIZATION = ["init", "initialization", "inittype", "initgain", "weightinit", "initializer"]
FLIPS = ["mirror", "flip", "xflip", "hflip", "horizontalflip", "noflip"]
RECIPES = ["model", "arch", "architecture", "gan", "recipe", "cfg", "config", "type", "network", "gantype", "netd"]
METRICS = ["metric", "metrics", "fid", "kid"]
DIRECTIONS = ["direction", "whichdirection"]
VERBOSITY = ["verbose", "quiet", "debug", "v", "q", "progress"]


def our_flags_for(name: str) -> Iterator[str]:
    """Our flags for what another program calls `name`."""
    return (own for own, names in NAMES_ELSEWHERE.items() if name in names.split())


def _epochs(flags: Collection[str], values: Sequence[str], data: DataName) -> str:
    if "--real-samples" not in flags:
        return ""
    count = _positive_number(values)
    images = _image_count(data()) if count else None
    if count and images:
        these = f"{plural(count, 'epoch', 'epochs')} of {'this image' if images == 1 else f'these {images:,} images'}"
        example = f"; {these} {'is' if count == 1 else 'are'} --real-samples {round(count * images)}"
    else:
        example = "; one epoch is as many --real-samples as the data has images"
    return f"set the training length with --minutes, --real-samples or --steps{example}."


def _thousands(flags: Collection[str], values: Sequence[str], _: DataName) -> str:
    if "--real-samples" not in flags:
        return ""
    count = _positive_number(values)
    example = f": --real-samples {round(1000 * count)}" if count else ""
    return f"set the training length with --minutes, --real-samples or --steps{example}."


def _gpus(flags: Collection[str], _: Sequence[str], __: DataName) -> str:
    if "--device" not in flags:
        return "this command does not use a GPU. Leave the flag out."
    own = " Without it, a GPU is used if there is one." if "--minutes" in flags else ""
    return f"use --device cuda.{own}"


def _no_gpu(flags: Collection[str], _: Sequence[str], __: DataName) -> str:
    return "use --device cpu." if "--device" in flags else "this command runs on the CPU. Leave the flag out."


def _resuming(_: Collection[str], values: Sequence[str], __: DataName) -> str:
    run = values[0] if len(values) == 1 and Path(values[0]).is_dir() else "RUN"
    return f"to continue a run, use: sparring resume {run}. To read official weights, use: sparring import FILE."


def _initialization(flags: Collection[str], _: Sequence[str], __: DataName) -> str:
    if "--seed" not in flags:
        return ""
    return "weights are initialized as in the recipe's paper, and no flag changes that. For other random weights, change --seed."


def _flips(flags: Collection[str], _: Sequence[str], __: DataName) -> str:
    if "--flip" in flags:
        return "in Sparring, this is --flip or --no-flip."
    return "in Sparring, this is --mirror; without it, images are not flipped." if "--mirror" in flags else ""


def _recipes(flags: Collection[str], _: Sequence[str], __: DataName) -> str:
    if "--steps" not in flags:
        return ""
    return "name the recipe right after the command: sparring train RECIPE --data DATA. To list the recipes: sparring recipes."


def _metrics(flags: Collection[str], _: Sequence[str], __: DataName) -> str:
    return "all scores are computed. For FID and KID as in papers, use --extractor inception." if "--extractor" in flags else ""


def _directions(flags: Collection[str], _: Sequence[str], __: DataName) -> str:
    if "--target" not in flags or "--steps" not in flags:
        return ""
    return "--data names the inputs and --target the targets. If each image holds both, use --side-by-side left or right."


def _verbosity(_: Collection[str], __: Sequence[str], ___: DataName) -> str:
    return "there is no such setting. Leave the flag out; little is printed, and the full log is in the run directory."


EXPLANATIONS: dict[str, Explanation] = {
    name: explanation
    for names, explanation in (
        (EPOCHS, _epochs), (THOUSANDS, _thousands), (GPUS, _gpus), (NO_GPU, _no_gpu), (RESUMING, _resuming),
        (INITIALIZATION, _initialization), (FLIPS, _flips), (RECIPES, _recipes), (VERBOSITY, _verbosity), (METRICS, _metrics),
        (DIRECTIONS, _directions),
    )
    for name in names
}  # fmt: skip
"""By name in other programs: what is explained about flags that no single flag of ours replaces."""


def _positive_number(values: Sequence[str]) -> float | None:
    try:
        count = float(values[0])
    except (IndexError, ValueError):
        return None
    return count if 0 < count < 1e9 else None


def _image_count(data: str | None) -> int | None:
    """Number of images in a source; None for sources that would have to be downloaded, and for those that cannot be read."""
    from sparring.data.open_by_name import open_source, source_names  # slow to import, and seldom needed

    if data is None or not (data in source_names() or Path(data).exists()):
        return None
    try:
        return len(open_source(data))
    except SparringError:
        return None
