"""MusicXML files, plain or compressed. Nothing that a file names is fetched, and files with entities are refused."""

import io
import zipfile
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

import numpy as np

from sparring.data.music.songs import LARGEST_FILE, Song, UnusableMusicError, refuse_too_many, track_of

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
Notes = list[tuple[float, float, int]]


def read_musicxml(content: bytes, name: str) -> Song:
    """The song in a MusicXML file of parts (score-partwise), compressed (.mxl) or not. Grace notes and repeats are not played.
    UnusableMusicError for what is none.
    """
    if content.startswith(b"PK"):
        content = unpacked(content)
    root = parsed(content)
    if root.tag != "score-partwise":
        raise UnusableMusicError(f"is no score of parts: its XML is <{root.tag[:40]}>, not <score-partwise>")
    names = {each.get("id"): (each.findtext("part-name") or "").strip() for each in root.iter("score-part")}
    parts = [(names.get(part.get("id"), ""), *read_part(part)) for part in root.iter("part")]
    parts = [each for each in parts if each[1]]
    if not parts:
        raise UnusableMusicError("is silent: it has no notes")
    longest = max((bars for _, _, bars in parts), key=len)
    sound = next((each for each in root.iter("sound") if each.get("tempo")), None)
    try:
        tempo = float(sound.get("tempo", "120")) if sound is not None else 120.0
    except ValueError:
        tempo = 120.0
    tracks = tuple(track_of(notes, called, channel=number % 9) for number, (called, notes, _) in enumerate(parts))
    return Song(name, tracks, np.array(longest, np.float64), tempo if 1 <= tempo <= 1000 else 120.0)


def unpacked(content: bytes) -> bytes:
    """The score in a compressed file, of at most `LARGEST_FILE` bytes."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            scores = [
                each for each in archive.infolist() if each.filename.endswith((".xml", ".musicxml")) and "META-INF" not in each.filename
            ]
            if not scores:
                raise UnusableMusicError("holds no score")
            with archive.open(scores[0]) as file:
                found = file.read(LARGEST_FILE + 1)
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError, ValueError) as problem:
        if isinstance(problem, UnusableMusicError):
            raise
        raise UnusableMusicError(f"is a damaged compressed score ({problem})") from None
    if len(found) > LARGEST_FILE:
        raise UnusableMusicError(f"unpacks to over {LARGEST_FILE // 2**20} MB, as no score does")
    return found


def parsed(content: bytes) -> Element:
    """The tree of an XML file. Declared entities, with which small files explode or read others, are refused; a document type without any
    is not fetched.
    """
    builder, parser = TreeBuilder(), expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise UnusableMusicError("declares XML entities, which no score needs")

    parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = builder.start, builder.end, builder.data
    try:
        parser.Parse(content, True)
        return builder.close()
    except (expat.ExpatError, AssertionError, LookupError) as problem:
        raise UnusableMusicError(f"is no XML that can be read ({problem})") from None


def read_part(part: Element) -> tuple[Notes, list[tuple[float, float]]]:
    """Notes, and begin and length of each bar."""
    notes: Notes = []
    tied: dict[int, int] = {}
    bars: list[tuple[float, float]] = []
    divisions, shift, begin = 1.0, 0, 0.0
    for measure in part.iter("measure"):
        now = reached = last = begin
        for each in measure:
            if each.tag == "attributes":
                divisions = number(each, "divisions") or divisions
                if (transpose := each.find("transpose")) is not None:
                    shift = int(number(transpose, "chromatic")) + 12 * int(number(transpose, "octave-change"))
            elif each.tag in {"backup", "forward"}:
                now += number(each, "duration") / divisions * (-1 if each.tag == "backup" else 1)
            elif each.tag == "note" and each.find("grace") is None:
                length = number(each, "duration") / divisions
                at = last if each.find("chord") is not None else now
                if (pitch := each.find("pitch")) is not None and length > 0:
                    add_note(notes, tied, each, (at, at + length, pitch_of(pitch) + shift))
                    refuse_too_many(len(notes))
                last, now = at, max(now, at + length) if each.find("chord") is not None else now + length
            reached = max(reached, now)
        bars.append((begin, reached - begin))
        begin = reached
    return notes, [bar for bar in bars if bar[1] > 0]


def add_note(notes: Notes, tied: dict[int, int], element: Element, note: tuple[float, float, int]) -> None:
    """Add a note, or make the one longer that it is tied to."""
    ties = {each.get("type") for each in element.findall("tie")}
    before = tied.pop(note[2], None)
    if "stop" in ties and before is not None and abs(notes[before][1] - note[0]) < 1e-6:
        notes[before] = (notes[before][0], note[1], note[2])
        place = before
    else:
        place = len(notes)
        notes.append(note)
    if "start" in ties:
        tied[note[2]] = place


def pitch_of(element: Element) -> int:
    """The MIDI number of a pitch."""
    step = (element.findtext("step") or "").strip().upper()
    if step not in STEPS:
        raise UnusableMusicError(f"has a note on step {step!r}, which is none of A to G")
    return 12 * (int(number(element, "octave")) + 1) + STEPS[step] + round(number(element, "alter"))


def number(element: Element, name: str) -> float:
    """The number in a child; 0 if there is none. UnusableMusicError for what is no number."""
    text = element.findtext(name)
    try:
        value = float(text) if text else 0.0
    except ValueError:
        value = float("nan")
    if not abs(value) < 1e9:
        raise UnusableMusicError(f"has {name} {text!r}, which is no number")
    return value
