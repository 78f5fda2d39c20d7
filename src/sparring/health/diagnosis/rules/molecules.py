"""Findings about molecules."""

from sparring.health.diagnosis import thresholds
from sparring.health.diagnosis.finding import Finding, Remedy
from sparring.health.diagnosis.record_questions import is_mature
from sparring.health.diagnosis.remedies import against_mode_collapse, choices_of_graphs
from sparring.health.diagnosis.training_record import Record
from sparring.health.signals import DIFFERENT_MOLECULES, DIFFERENT_MOLECULES_OF_DATA, IN_PIECES, IN_PIECES_OF_DATA, VALID_MOLECULES

SELFIES = Remedy(action="Train on SELFIES, of which every sequence is a molecule (--notation selfies).")
LONGER = Remedy(action="Train for longer: atoms and bonds are learned before they fit together.")
REWARD = Remedy(action="Reward what is valid.", settings={"reward": "valid"})
LONGER_AUTOENCODER = Remedy(action="Let the autoencoder learn for longer before the game begins (--autoencoder-steps).")
FEWER_ATOMS = Remedy(
    action="Take molecules of fewer atoms: generators of graphs lose their way from twenty on (--length 45 is nine atoms)."
)


def invalid_molecules(record: Record) -> Finding | None:
    """Most of what is generated is no molecule."""
    own = record.signal(VALID_MOLECULES)
    if len(own) < thresholds.MIN_MEASUREMENTS or not is_mature(record):
        return None
    now = own.last_three.median
    if not now < thresholds.INVALID_MOLECULES:
        return None
    remedies = choices_of_graphs(record) + ([REWARD] if record.settings.get("reward") == "none" else [])
    if "autoencoder_steps" in record.settings:
        remedies.append(LONGER_AUTOENCODER)
    if record.data_config.get("spec", {}).get("notation") == "smiles":
        remedies.append(SELFIES)
    return Finding(
        name="invalid molecules",
        summary="Most of what is generated is no molecule.",
        evidence=(f"{now:.0%} of 256 samples are valid (the median of three measurements).",),
        severity="warning",
        confidence=0.9,
        since=own.holds_since(lambda values: values < thresholds.INVALID_MOLECULES),
        curves={"share of valid molecules": own},
        remedies=(*remedies, LONGER),
    )


def molecules_alike(record: Record) -> Finding | None:
    """Samples are valid, and all the same: a collapse that the share of valid ones hides."""
    valid, different = record.signal(VALID_MOLECULES), record.signal(DIFFERENT_MOLECULES)
    real = DIFFERENT_MOLECULES_OF_DATA.of(record.data, None)
    if len(different) < thresholds.MIN_MEASUREMENTS or real is None or real < thresholds.VARIED_MOLECULES:
        return None
    now, of_all = different.last_three.median, valid.last_three.median
    if not (now < thresholds.MOLECULES_ALIKE and of_all > thresholds.SOME_VALID):
        return None
    return Finding(
        name="molecules alike",
        summary="Molecules are valid, but all the same: that is mode collapse, however many are valid.",
        evidence=(f"{of_all:.0%} of 256 samples are valid, and {now:.0%} of these are different ({real:.0%} of the data's).",),
        severity="severe",
        confidence=0.9,
        since=different.holds_since(lambda values: values < thresholds.MOLECULES_ALIKE),
        curves={"share of different molecules among the valid ones": different},
        remedies=against_mode_collapse(record),
    )


def molecules_in_pieces(record: Record) -> Finding | None:
    """Samples are several molecules in one, and those of the data are not."""
    own, real = record.signal(IN_PIECES), IN_PIECES_OF_DATA.of(record.data, None)
    if len(own) < thresholds.MIN_MEASUREMENTS or real is None or not is_mature(record):
        return None
    now = own.last_three.median
    if not now > real + thresholds.MORE_IN_PIECES or record.signal(VALID_MOLECULES).last_three.median <= thresholds.SOME_VALID:
        return None
    graphs = record.data_config.get("spec", {}).get("notation") == "graph"
    return Finding(
        name="molecules in pieces",
        summary="What is generated falls into pieces: several molecules in one.",
        evidence=(f"{now:.0%} of the valid samples are several molecules, and {real:.0%} of the data's.",),
        severity="warning",
        confidence=0.85,
        since=own.holds_since(lambda values: values > real + thresholds.MORE_IN_PIECES),
        curves={"share of molecules in pieces": own},
        remedies=(*choices_of_graphs(record), LONGER, FEWER_ATOMS) if graphs else (LONGER,),
    )
