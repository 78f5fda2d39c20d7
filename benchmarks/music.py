"""What models of music reach on Bach's chorales, beside floors and a ceiling. Prints a table of Markdown, and writes piano rolls to look
at.

    python benchmarks/music.py runs/musegan [runs/...] [--out rolls.png]
    nice -n 10 python benchmarks/music.py --train runs/musegan --recipe musegan --minutes 10

All songs are in C major or A minor (--key C), and an eighth of the phrases is held out. Floors: tracks of different phrases; a Markov chain
of each voice by itself. Beside them a chain of all voices together (maximum likelihood). Ceiling: held-out chorales; and copies of training
phrases, which are perfect but for being copies. As many phrases are scored as are held out.
"""

import argparse
from pathlib import Path

import numpy as np

import sparring
from sparring.data.music.music_dataset import split_holdout
from sparring.data.music.music_reading import MusicReading
from sparring.data.music.music_spec import MusicSpec, canonical
from sparring.data.music.music_store import prepare_music
from sparring.data.music.piano_roll import draw_rolls
from sparring.evaluation.judge_music import independent_tracks, judge_music
from sparring.evaluation.music_judgment import MusicJudgment
from sparring.inference.music_of_model import draw_phrases
from sparring.media.image_files import save_image

READING = MusicReading(key="C")
PHRASES = 400
COLUMNS = ("scale consistency", "empty bars", "consonance", "qualified notes", "note length", "leaps", "groove consistency")
SCORES = ("measures", "Fréchet distance", "precision", "recall", "copied phrases", "copied bars")


def markov_chain(states: np.ndarray, bar_steps: int, n: int, seed: int) -> np.ndarray:
    """`n` sequences like `states` (sequences by steps): each state follows the one before as often as at the same place of the bar."""
    random, steps = np.random.default_rng(seed), states.shape[1]
    found = np.zeros((n, steps), np.int64)
    found[:, 0] = random.choice(states[:, 0], n)
    for step in range(1, steps):
        places = np.arange(step % bar_steps or bar_steps, steps, bar_steps)
        before, after = states[:, places - 1].reshape(-1), states[:, places].reshape(-1)
        for state in np.unique(found[:, step - 1]):
            rows = found[:, step - 1] == state
            choices = after[before == state]
            found[rows, step] = random.choice(choices if len(choices) else after, rows.sum())
    return found


def voice_states(rolls: np.ndarray) -> np.ndarray:
    """Of each voice and step: 0 for silence, else a pitch that goes on, or that begins."""
    sounding, begins = np.split(rolls, 2, axis=1)
    return np.where(sounding.any(axis=3), 1 + sounding.argmax(axis=3) + rolls.shape[3] * begins.any(axis=3), 0)


def rolls_of_states(states: np.ndarray, spec: MusicSpec) -> np.ndarray:
    """The inverse of `voice_states`."""
    out, heard = np.zeros((len(states), *spec.shape), bool), np.argwhere(states > 0)
    columns = (states[states > 0] - 1) % spec.pitches
    out[heard[:, 0], heard[:, 1], heard[:, 2], columns] = True
    fresh = states[states > 0] > spec.pitches
    out[heard[fresh, 0], len(spec.tracks) + heard[fresh, 1], heard[fresh, 2], columns[fresh]] = True
    return canonical(out)


def markov_voices(training: np.ndarray, spec: MusicSpec, n: int) -> np.ndarray:
    """A Markov chain of each voice by itself."""
    states = voice_states(training)
    chains = [markov_chain(states[:, voice], spec.bar_steps, n, voice) for voice in range(len(spec.tracks))]
    return rolls_of_states(np.stack(chains, axis=1), spec)


def markov_chords(training: np.ndarray, spec: MusicSpec, n: int) -> np.ndarray:
    """A Markov chain of all voices together: plain maximum likelihood, with a memory of one step."""
    states = voice_states(training).swapaxes(1, 2)
    known, ids = np.unique(states.reshape(-1, states.shape[2]), axis=0, return_inverse=True)
    chain = markov_chain(ids.reshape(states.shape[:2]), spec.bar_steps, n, 0)
    return rolls_of_states(known[chain].swapaxes(1, 2), spec)


def row(name: str, judgment: MusicJudgment) -> str:
    means = {each.name: each for each in judgment.means}
    scores = {each.name: each.yours for each in judgment.scores}
    cells = [f"{means[each].yours:.3f}" for each in COLUMNS]
    cells += [f"{scores[each].value:.3f} ± {scores[each].standard_error:.3f}" for each in SCORES]
    return f"| {name} | " + " | ".join(cells) + " |"


def train(recipe: str, out: Path, minutes: float, samples: int | None) -> None:
    settings: dict[str, object] = {"key": "C", "threads": 1, "minutes": minutes}
    settings |= {"melody": "soprano"} if recipe == "midinet" else {}
    settings |= {} if samples is None else {"real_samples": samples}
    sparring.train(recipe, "chorales", out, **settings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="*", type=Path)
    parser.add_argument("--out", type=Path, default=Path("music-rolls.png"))
    parser.add_argument("--train", type=Path)
    parser.add_argument("--recipe", default="musegan")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--real-samples", type=int)
    arguments = parser.parse_args()
    if arguments.train is not None:
        train(arguments.recipe, arguments.train, arguments.minutes, arguments.real_samples)
        return
    training, unseen = (each.rolls(np.arange(len(each))) for each in split_holdout(prepare_music("chorales", READING)[0], None, 0))
    spec = prepare_music("chorales", READING)[0].spec
    random = np.random.default_rng(1)
    sets = {
        "tracks of different phrases": independent_tracks(training[random.permutation(len(training))[:PHRASES]], 1),
        "a Markov chain of each voice": markov_voices(training, spec, PHRASES),
        "a Markov chain of all voices": markov_chords(training, spec, PHRASES),
        "copies of training phrases": training[random.permutation(len(training))[:PHRASES]],
    }
    drawn = {}
    for run in arguments.runs:
        model = sparring.load(run)
        if model.spec.shape == spec.shape:
            sets[f"`{run.name}`, step {model.step:,}"] = drawn[run.name] = draw_phrases(model, PHRASES, seed=0)
    print("| | " + " | ".join((*COLUMNS, *SCORES)) + " |\n|" + "---|" * (1 + len(COLUMNS) + len(SCORES)))
    judgments = {name: judge_music(spec, training, rolls, unseen, training) for name, rolls in sets.items()}
    first = next(iter(judgments.values()))
    held_out = {each.name: each.ceiling for each in first.means}
    ceilings = {each.name: each.ceiling for each in first.scores}
    cells = [f"{held_out[each]:.3f}" for each in COLUMNS] + [
        f"{ceilings[each].value:.3f} ± {ceilings[each].standard_error:.3f}" for each in SCORES
    ]
    for name, judgment in judgments.items():
        print(row(name, judgment))
    print("| held-out chorales | " + " | ".join(cells) + " |")
    shown = [unseen[:3], sets["a Markov chain of each voice"][:3], *(each[:6] for each in drawn.values())]
    save_image(draw_rolls(np.concatenate(shown), spec, columns=3), arguments.out)


if __name__ == "__main__":
    main()
