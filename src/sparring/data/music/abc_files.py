"""Melodies in ABC notation (the standard 2.1, as far as single melodies need it)."""

import re
from fractions import Fraction

import numpy as np

from sparring.data.music.songs import MOST_BARS, Song, UnusableMusicError, refuse_too_many, track_of

NATURAL = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SHARPS = ("F", "C", "G", "D", "A", "E", "B")
MAJOR_KEYS = {
    "C": 0,
    "G": 1,
    "D": 2,
    "A": 3,
    "E": 4,
    "B": 5,
    "F#": 6,
    "C#": 7,
    "F": -1,
    "Bb": -2,
    "Eb": -3,
    "Ab": -4,
    "Db": -5,
    "Gb": -6,
    "Cb": -7,
}
"""Number of sharps of each major key; flats are negative."""
MODES = {"maj": 0, "ion": 0, "mix": -1, "dor": -2, "m": -3, "min": -3, "aeo": -3, "phr": -4, "loc": -5, "lyd": 1}
"""What is added to the number of sharps of the major key on the same note."""
ACCIDENTALS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
TOKEN = re.compile(
    r'"[^"]*"|![^!]*!|\{[^}]*\}|\[[A-Za-z]:[^\]]*\]'  # chord names, decorations, grace notes, fields within a line
    r"|(?P<tuplet>\(\d(?::\d?:?\d?)?)"
    r"|(?P<acc>\^\^|\^|__|_|=)?(?P<note>[A-Ga-gxz])(?P<octave>[,']*)(?P<length>\d*/*\d*)"
    r"|(?P<bar>:?\|[\]|:]?|\[\||::)|(?P<broken>[<>]+)|(?P<tie>-)|."
)


def read_abc(content: bytes, name: str) -> list[Song]:
    """The melodies in an ABC file, one song for each tune (X:). Repeats are not played; voices after the first and chords in brackets are
    not read. UnusableMusicError if there is none.
    """
    text = content.decode("utf-8", "replace")
    tunes = re.split(r"(?m)^(?=X:)", text)
    songs = [song for tune in tunes if (song := read_tune(tune, name)) is not None]
    if not songs:
        raise UnusableMusicError("holds no tune in ABC notation (no line K:, or no notes after it)")
    return songs


def read_tune(text: str, name: str) -> Song | None:
    """One tune; None if there is none."""
    fields, lines, in_body = dict[str, str](), list[str](), False
    for whole in text.splitlines():
        line = whole.partition("%")[0].strip()
        if re.match(r"[A-Za-z]:", line) and not line.startswith("|:"):
            if not (in_body and line[0] == "K"):
                fields.setdefault(line[0], line[2:].strip())
            in_body = in_body or line[0] == "K"
        elif in_body:
            lines.append(line)
    if not in_body:
        return None
    meter = meter_length(fields.get("M", "4/4"))
    unit = fraction(fields["L"]) if "L" in fields else Fraction(1, 16) if meter is not None and meter < 3 else Fraction(1, 8)
    notes, bars = read_body("\n".join(lines), 4 * unit, signature(fields.get("K", "C")))
    if not notes:
        return None
    title = f"{name}, X:{fields['X']}" if fields.get("X") else name
    return Song(title, (track_of([(float(a), float(b), pitch) for a, b, pitch in notes], "melody"),), np.array(bars, np.float64))


def read_body(text: str, unit: Fraction, sharps: dict[str, int]) -> tuple[list[tuple[Fraction, Fraction, int]], list[tuple[float, float]]]:
    """Notes and bars, in quarter notes. `unit`: the length of a plain note."""
    now = begin = Fraction(0)
    notes: list[tuple[Fraction, Fraction, int]] = []
    bars: list[tuple[float, float]] = []
    in_bar: dict[tuple[str, int], int] = {}
    broken, tie, tuplet, left = Fraction(1), False, Fraction(1), 0
    for match in TOKEN.finditer(text):
        if match["tuplet"]:
            left = int(match["tuplet"][1])
            tuplet = Fraction({2: 3, 3: 2, 4: 3, 6: 2, 8: 3}.get(left, left), max(left, 1))
        elif match["broken"]:
            # a>b: the first is half as long again, the second half as long
            share = Fraction(1, 2 ** len(match["broken"]))
            first, broken = (2 - share, share) if match["broken"][0] == ">" else (share, 2 - share)
            if notes and notes[-1][1] == now:
                now = notes[-1][0] + (now - notes[-1][0]) * first
                notes[-1] = (notes[-1][0], now, notes[-1][2])
        elif match["tie"]:
            tie = True
        elif match["bar"]:
            in_bar = {}
            if now > begin:
                bars.append((float(begin), float(now - begin)))
                begin = now
        elif match["note"]:
            end = now + unit * length_of(match["length"]) * broken * (tuplet if left else 1)
            left, broken = max(0, left - 1), Fraction(1)
            if match["note"] not in "xz":
                add_note(notes, (now, end, pitch_of(match, sharps, in_bar)), tied=tie)
            now, tie = end, False
    if now > begin:
        bars.append((float(begin), float(now - begin)))
    if len(bars) > MOST_BARS:
        raise UnusableMusicError(f"is over {MOST_BARS:,} bars long")
    return [note for note in notes if note[1] > note[0]], bars


def add_note(notes: list[tuple[Fraction, Fraction, int]], note: tuple[Fraction, Fraction, int], *, tied: bool) -> None:
    """Add a note, or make the last one longer that it is tied to."""
    if tied and notes and notes[-1][1:] == (note[0], note[2]):
        notes[-1] = (notes[-1][0], note[1], note[2])
    else:
        notes.append(note)
    refuse_too_many(len(notes))


def pitch_of(match: re.Match[str], sharps: dict[str, int], in_bar: dict[tuple[str, int], int]) -> int:
    """The MIDI number of a note. Accidentals hold until the end of the bar."""
    letter = match["note"]
    octave = (5 if letter.islower() else 4) + match["octave"].count("'") - match["octave"].count(",")
    key = letter.upper(), octave
    if match["acc"]:
        in_bar[key] = ACCIDENTALS[match["acc"]]
    pitch = 12 * (octave + 1) + NATURAL[key[0]] + in_bar.get(key, sharps.get(key[0], 0))
    if not 0 <= pitch < 128:
        raise UnusableMusicError(f"has a note of pitch {pitch}, out of 0 to 127")
    return pitch


def signature(text: str) -> dict[str, int]:
    """By letter, 1 for a sharp and -1 for a flat of a key."""
    match = re.match(r"\s*([A-G])([#b]?)\s*([A-Za-z]*)", text)
    if match is None:
        return {}
    mode = match[3].lower()
    added = MODES.get("m" if mode == "m" else mode[:3], 0)
    count = max(-7, min(7, MAJOR_KEYS.get(match[1] + match[2], 0) + added))
    return dict.fromkeys(SHARPS[:count], 1) if count >= 0 else dict.fromkeys(SHARPS[::-1][:-count], -1)


def meter_length(text: str) -> Fraction | None:
    """Length of a bar in quarter notes; None where there are no bars."""
    if text.startswith("C"):
        return Fraction(4)
    return 4 * fraction(text) if "/" in text else None


def fraction(text: str) -> Fraction:
    """A fraction as ABC writes it. UnusableMusicError for what is none."""
    match = re.match(r"\s*(\d+)\s*/\s*(\d+)", text)
    if match is None or int(match[2]) == 0 or int(match[1]) == 0:
        raise UnusableMusicError(f"has the length {text[:20]!r}, which is no fraction")
    return Fraction(int(match[1]), int(match[2]))


def length_of(text: str) -> Fraction:
    """The multiple of the unit that a note lasts: "3", "/", "//", "3/2"."""
    whole, slash, part = text.partition("/")
    numerator = int(whole) if whole else 1
    if not slash:
        return Fraction(numerator)
    extra = part.count("/")
    denominator = int(part.strip("/")) if part.strip("/") else 2 ** (extra + 1)
    if denominator == 0 or numerator > 10_000:
        raise UnusableMusicError(f"has the length {text!r}, which is no fraction")
    return Fraction(numerator, denominator)
