"""The signals of a training: what each number in health.jsonl, in log.jsonl and in other programs' logs and sample sheets is.

Every signal is declared here once, with its range, its meaning and what writes it. Writers take their keys from here. Rules import the
signals that they read by name, so a rule that names an unknown signal fails when it is imported.

Distances between images are in units of the mean distance of two real images, unless it says otherwise. An AUC is the area under the ROC
curve of the discriminator's logits: the probability that an image of the first kind gets a higher logit than one of the second. 0.5 means
that the discriminator cannot tell the two kinds apart, 1 that it always can.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

Source = Literal[
    "data",
    "game",
    "weights",
    "training",
    "explicit",
    "explicit game",
    "sheets",
    "real images beside sheets",
    "table data",
    "table game",
    "series data",
    "series game",
    "records data",
    "records game",
    "orders data",
    "orders game",
    "sequences data",
    "sequences game",
    "molecules data",
    "molecules game",
    "rewordings game",
    "music data",
    "music game",
]
"""What writes a signal. data: `HealthMeasurements.measure_data`, the first line of health.jsonl, under "data". game:
`HealthMeasurements.measure_game`, and weights: `HealthRecorder`, every further line of health.jsonl. training: log.jsonl, or a table of
another program's losses. explicit: log.jsonl of models that learn by likelihood. sheets: `read_sample_sheets`, of another program's
samples; real images beside sheets: `measure_real_images`, of what these are to be like. explicit game: the lines of game, of models of
images with a likelihood or an encoder (`modalities.image_probe`). table data, table game: the lines of data and of game, of tables alone
(`modalities.tables.table_probe`). series data, series game: the same of series alone (`modalities.series_probe`); records data, records
game of health records (`modalities.records_probe`); orders data, orders game of orders (`modalities.orders_probe`);
sequences data, sequences game of texts (`modalities.sequences_probe`); molecules data, molecules game of molecules
(`modalities.molecules_probe`); rewordings game of rewordings (`modalities.rewording_probe`); music data, music game of music
(`modalities.music_probe`)."""
REQUIRED = object()


@dataclass(frozen=True)
class Signal:
    """A number (or a list of numbers, or a number for each weight) that is recorded of a training."""

    name: str
    """Its key in a line. A key that ends in "/*" stands for all keys that begin as it does."""
    range: str
    """The values that it can have."""
    meaning: str
    """What it measures, in a sentence."""
    source: Source
    """What writes it."""

    @property
    def prefix(self) -> str:
        """The name without the "/*" at its end: the key of a total over all keys that it stands for."""
        return self.name.removesuffix("/*")

    def matches(self, key: str) -> bool:
        """Whether this signal is what a line has under `key`."""
        return key == self.name or (self.name.endswith("/*") and (key == self.prefix or key.startswith(f"{self.prefix}/")))

    def of(self, values: Mapping[str, Any], default: Any = REQUIRED) -> Any:  # noqa: ANN401 (JSON is any)
        """The value of this signal in a line. A KeyError if there is none and no `default` is given."""
        return values[self.name] if default is REQUIRED else values.get(self.name, default)


# ------------------------------------------------------------------------------------------ the data: the first line of health.jsonl

IMAGE_COUNT = Signal("count", "1 or more", "Number of images that the game is trained on.", "data")
HOLDOUT_COUNT = Signal("holdout", "0 or more", "Number of images that are held out.", "data")
SHAPE = Signal("shape", "a list of numbers", "Shape of one sample: of images [channels, height, width].", "data")
MINIMUM = Signal("minimum", "any; -1 is right", "Smallest value of a pixel.", "data")
MAXIMUM = Signal("maximum", "any; 1 is right", "Largest value of a pixel.", "data")
DATA_MEAN = Signal("mean", "-1 to 1", "Mean value of a pixel.", "data")
STANDARD_DEVIATION = Signal("standard_deviation", "0 to 1", "Standard deviation of the pixels' values.", "data")
DATA_SATURATION = Signal("saturation", "0 to 1", "Share of the pixels' values that are at either end of the range.", "data")
DATA_CHECKERBOARD = Signal(
    "checkerboard", "0 to 1", "Share of the images' variation that alternates from pixel to pixel. Of images only.", "data"
)
PAIRWISE_DISTANCE = Signal(
    "pairwise_distance", "0 to 2", "Mean distance of two real images: root mean squared difference of their pixels' values.", "data"
)
NEAREST_OTHER = Signal("nearest_other", "0 or more", "Median distance of a real image to the nearest other one.", "data")
NEAR_DUPLICATES = Signal("near_duplicates", "0 to 1", "Share of the real images that have a near-duplicate among those measured.", "data")
MEASURED_COUNT = Signal("measured", "1 or more", "Number of real images that all of this is measured on.", "data")
DISCRIMINATOR_COUNT = Signal(
    "discriminator_images", "1 or more", "Number of real images that each measurement shows the discriminator.", "data"
)
CLASS_SHARES = Signal("classes", "shares that sum to 1", "Share of the images that each class has. Of data with classes only.", "data")
LABEL_AGREEMENT = Signal(
    "label_agreement", "0 to 1", "Share of the real images whose nearest neighbor has the same class. Of data with classes only.", "data"
)
LABEL_AGREEMENT_BY_CLASS = Signal("label_agreement/by_class", "0 to 1 each", "The same share for the images of each class.", "data")
LABEL_AGREEMENT_BY_CHANCE = Signal("label_agreement/by_chance", "0 to 1", "The same share if labels were shuffled.", "data")
DATA_MODE_SHARES = Signal(
    "modes", "shares that sum to 1", "Share of the real images that each mode has: each class, or else each of ten clusters.", "data"
)
MODES_ARE = Signal("modes_are", '"classes" or "clusters"', "What modes are: classes where neighbors mostly share theirs.", "data")

# ------------------------------------------------------------------------------------------ a game: every further line of health.jsonl

STEP = Signal("step", "1 or more", "Steps of the game that were taken.", "weights")
REAL_SAMPLES = Signal("real_samples", "0 or more", "Real samples that were shown to the first player.", "weights")
RELATIVE_GRADIENTS = Signal(
    "relative_gradients", "0 or more, by weight", "Norm of a weight's gradient in the last step, relative to the weight's norm.", "weights"
)
RELATIVE_UPDATES = Signal(
    "relative_updates", "0 or more, by weight", "Norm of a weight's change in the last step, relative to the weight's norm.", "weights"
)
SPECTRAL_NORMS = Signal(
    "spectral_norms", "0 or more, by weight", "Largest singular value of each weight with two dimensions or more.", "game"
)
CONSTANT_CHANNELS = Signal(
    "constant_channels",
    "0 to 1, by layer",
    "Share of a layer's channels that are the same in all images. Layers without any are left out.",
    "game",
)
BATCH_NORM = Signal("batch_norm", "true or false", "Whether the discriminator has batch norm.", "game")
MEAN_LOGIT_OF_GENERATED = Signal("logit/generated", "any", "Mean logit of generated images, in batches of their own.", "game")
MEAN_LOGIT_OF_REAL = Signal("logit/real", "any", "Mean logit of real images that are trained on, in batches of their own.", "game")
MEAN_LOGIT_OF_HOLDOUT = Signal("logit/holdout", "any", "Mean logit of held-out images, in batches of their own.", "game")
LOGIT_SPREAD = Signal("logit/spread", "0 or more", "Standard deviation of the logits of real and generated images together.", "game")
AUC_REAL = Signal("auc/real_vs_generated", "0 to 1", "AUC of images that are trained on against generated ones.", "game")
AUC_HOLDOUT = Signal("auc/holdout_vs_generated", "0 to 1", "AUC of held-out images against generated ones.", "game")
AUC_TRAINING = Signal(
    "auc/training_vs_holdout",
    "0 to 1",
    "AUC of images that are trained on against held-out ones. Above 0.5: the discriminator overfits.",
    "game",
)
DIVERSITY = Signal("diversity", "0 or more", "Mean distance of two samples. 1: they differ as much as real images.", "game")
NEAREST_SAMPLE = Signal(
    "nearest_sample",
    "0 or more",
    "Median distance of a sample to the nearest other one, over that of real images. 1: as real images.",
    "game",
)
SAMPLE_NEAR_DUPLICATES = Signal("near_duplicates", "0 to 1", "Share of the samples that have a near-duplicate among the others.", "game")
RECALL = Signal("recall", "0 to 1", "Share of the real images within a sample's neighborhood (Kynkäänniemi et al. 2019).", "game")
PRECISION = Signal("precision", "0 to 1", "Share of the samples within a real image's neighborhood (Kynkäänniemi et al. 2019).", "game")
COVERAGE = Signal(
    "coverage", "0 to 1", "Share of the real images with a sample in their neighborhood (Naeem et al. 2020), of what is possible.", "game"
)
SAMPLE_DIVERSITY = (DIVERSITY, NEAREST_SAMPLE, SAMPLE_NEAR_DUPLICATES, RECALL, PRECISION, COVERAGE)
EMA_SAMPLE_DIVERSITY = tuple(replace(each, name=f"ema/{each.name}", meaning=f"EMA generator: {each.meaning}") for each in SAMPLE_DIVERSITY)
NEAREST_REAL = Signal("nearest_real", "0 or more", "Median distance of a sample to the nearest real image.", "game")
NEAREST_REAL_OF_HOLDOUT = Signal("nearest_real/holdout", "0 or more", "The same distance of held-out images.", "game")
PROJECTION = Signal(
    "projection",
    "any, a list",
    "All samples together, projected on fixed random directions. Of the same latents every time: distances between lists are movements.",
    "game",
)
SAMPLE_MEAN = Signal("mean", "-1 to 1", "Mean value of the samples' pixels.", "game")
SATURATION = Signal("saturation", "0 to 1", "Share of the samples' pixels that are at either end of the range.", "game")
CHECKERBOARD = Signal(
    "checkerboard", "0 to 1", "Share of the samples' variation that alternates from pixel to pixel. Of images only.", "game"
)
CLASS_AGREEMENT = Signal(
    "class_agreement", "0 to 1", "Share of the samples whose nearest real image has the class that was asked for.", "game"
)
CLASS_AGREEMENT_BY_CLASS = Signal("class_agreement/by_class", "0 to 1 each", "The same share for the samples of each class.", "game")
MODE_SHARES = Signal(
    "modes", "shares that sum to 1", "Share of the samples (and the EMA generator's) whose nearest real image is of each mode.", "game"
)

# ------------------------------------------------------------------------------------------ log.jsonl, or a table of losses

LOSS = Signal("loss/*", "any", "Mean of each term that a turn minimizes: loss/TURN/TERM.", "training")
GENERATOR_LOSS = Signal("loss/generator/*", "any", "The generator's loss: the sum of its terms.", "training")
DISCRIMINATOR_LOSS = Signal("loss/discriminator/*", "any", "The discriminator's loss: the sum of its terms.", "training")
LOGITS_OF_REAL = Signal("logits/real", "any", "Mean logit of real images in training.", "training")
LOGITS_OF_GENERATED = Signal("logits/generated", "any", "Mean logit of generated images in training.", "training")
GRADIENT = Signal("gradient/*", "0 or more", "Norm of the gradient of all weights that a turn moves: gradient/TURN.", "training")
GENERATOR_GRADIENT = Signal("gradient/generator", "0 or more", "Norm of the gradient that reaches the generator.", "training")
DISCRIMINATOR_GRADIENT = Signal("gradient/discriminator", "0 or more", "Norm of the gradient that reaches the discriminator.", "training")
ENCODER_GRADIENT = Signal("gradient/encoder", "0 or more", "Norm of the gradient in the encoder's own turn.", "explicit")
LEARNING_RATE = Signal("rate/*", "0 or more", "Learning rate of each player.", "training")
AUGMENTATION = Signal(
    "augment/*", "0 to 1; -1 to 1", "ADA: chance of each operation, and mean sign of the real images' logits.", "training"
)
PATH_LENGTH = Signal("path_length", "0 or more", "StyleGAN2: norm of the images' gradient by the style.", "training")
ENCODER_LOSS = Signal("loss/encoder/*", "any", "The loss of the encoder's own turn: the sum of its terms.", "explicit")
GAME_BITS = Signal("bits_per_dimension", "0 or more", "Flow-GAN: bits for each number of a real image, in training.", "explicit")
FIT_LOSS = Signal("loss/fit/*", "any", "Explicit models: bits for each number of an image, the sum of their terms.", "explicit")
DIVERGENCE_IN_NATS = Signal(
    "divergence/nats",
    "0 or more",
    "Variational autoencoders: divergence of an image's latents from the normal distribution.",
    "explicit",
)
ACTIVE_LATENTS = Signal("divergence/active_latents", "0 or more", "Number of latents whose mean divergence is above 0.01 nats.", "explicit")
LOSSES = {"discriminator": DISCRIMINATOR_LOSS, "generator": GENERATOR_LOSS}
"""By player."""
LOGITS = {"real": LOGITS_OF_REAL, "generated": LOGITS_OF_GENERATED}
"""By what they are of."""
GRADIENTS = {"discriminator": DISCRIMINATOR_GRADIENT, "generator": GENERATOR_GRADIENT, "encoder": ENCODER_GRADIENT}
"""By network."""

# ------------------------------------------------------------------------------------------ sample sheets of another program

SHEET_SPREAD = Signal(
    "sheet/spread",
    "0 to 2",
    "Mean distance of two samples of a moment at 16x16: root mean squared difference of their values in [-1, 1]. Needs two samples.",
    "sheets",
)
SHEET_NEAR_DUPLICATES = Signal(
    "sheet/near_duplicates", "0 to 1", "Share of a moment's samples with a near-duplicate among the others.", "sheets"
)
SHEET_MOVEMENT = Signal(
    "sheet/movement",
    "0 to 2",
    "Distance from the moment before: of each sample if samples show the same latents throughout, else of the mean sample.",
    "sheets",
)
SHEET_RETURN = Signal(
    "sheet/return",
    "0 or more",
    "Distance to an earlier moment over that to the farthest moment in between, at the least. Near 0: samples are what they were before; "
    "1 or more: they never came back; about a half by chance, where samples are of other latents each time. From the third moment on.",
    "sheets",
)
SHEET_NOISE = Signal(
    "sheet/noise",
    "0 to about 1",
    "Half of the mean squared difference of neighboring pixels over the variance of a sample's pixels. 1 in white noise; 0.06 to 0.24 in "
    "small images, 0.02 to 0.68 in single ones.",
    "sheets",
)
SHEET_NOISE_OF_MEAN = Signal("sheet/noise/mean", "0 to about 1", "The same of the mean of a moment's samples.", "sheets")
SHEET_NOISE_OF_DIFFERENCES = Signal(
    "sheet/noise/differences", "0 to about 1", "The same of the differences of a moment's samples from their mean.", "sheets"
)
SHEET_LOW = Signal("sheet/low", "-1 to 1", "Value below which 1 % of the samples' values lie.", "sheets")
SHEET_HIGH = Signal("sheet/high", "-1 to 1", "Value above which 1 % of the samples' values lie.", "sheets")
REAL_LOW = Signal("sheet/real/low", "-1 to 1", "Value below which 10 % of the real images' values lie.", "real images beside sheets")
REAL_HIGH = Signal("sheet/real/high", "-1 to 1", "Value above which 10 % of the real images' values lie.", "real images beside sheets")
REAL_SPREAD = Signal(
    "sheet/real/spread", "0 to 2", "Mean distance of two real images at 16x16, as that of samples.", "real images beside sheets"
)
SHEET_SATURATION = replace(SATURATION, source="sheets")
SHEET_CHECKERBOARD = replace(
    CHECKERBOARD,
    meaning=f"{CHECKERBOARD.meaning} Of PNG files only: lossy ones do not keep it. Images enlarged by whole pixels are reduced first.",
    source="sheets",
)

# ----------------------------------------------------------------------------------------------- tables: of the data and of a game

COLUMNS_DISTANCE_HOLDOUT = Signal(
    "columns_distance/holdout",
    "0 to 1",
    "Distance of columns between held-out rows and those that are trained on.",
    "table data",
)
PAIRS_DISTANCE_HOLDOUT = Signal("pairs_distance/holdout", "0 to 1", "The same for pairs of columns.", "table data")
PAIRS_DISTANCE_INDEPENDENT = Signal(
    "pairs_distance/independent",
    "0 to 1",
    "Distance of pairs of columns to the table with columns shuffled independently.",
    "table data",
)
COPIED_ROWS_HOLDOUT = Signal("copied_rows/holdout", "0 to 1", "Share of held-out rows whose codes a training row has.", "table data")
COLUMNS_DISTANCE = Signal(
    "columns_distance",
    "0 to 1",
    "Mean over columns of the total variation distance between generated rows and rows of the table, in at most ten groups of values.",
    "table game",
)
PAIRS_DISTANCE = Signal("pairs_distance", "0 to 1", "The same for the joint frequencies of pairs of columns.", "table game")
LOST_CATEGORIES = Signal("lost_categories", "a list of texts", "Categories that were due ten times or more, and never came.", "table game")
INFLATED_CATEGORIES = Signal(
    "inflated_categories", "a list of texts", "Rare categories that came over twice as often as due.", "table game"
)
COPIED_ROWS = Signal("copied_rows", "0 to 1", "Share of generated rows whose codes a training row has.", "table game")

# ----------------------------------------------------------------------------------------------- series: of the data and of a game

MEMORY_OF_DATA = Signal(
    "memory/data",
    "-1 to 1, a list",
    "Autocorrelations of the first column at lags 1 to 10: of absolute returns, or of values.",
    "series data",
)
SEASON_OF_DATA = Signal(
    "season_strength/data",
    "0 to 1",
    "Share of the variance of the first column that the season explains. Of data with a season alone.",
    "series data",
)
SEPARATE_WINDOWS = Signal("separate_windows", "1 or more", "Number of windows that are trained on, of which no two overlap.", "series data")
SEPARATE_WINDOWS_OF_HOLDOUT = Signal("separate_windows/holdout", "0 or more", "The same of held-out windows.", "series data")
MEMORY = Signal("memory", "-1 to 1, a list", "The same autocorrelations of generated windows.", "series game")
SEASON_STRENGTH = Signal("season_strength", "0 to 1", "The same share in generated windows.", "series game")
WINDOWS_APART = Signal(
    "windows_apart", "0 or more", "Mean distance of two generated windows. 1: they differ as much as real ones.", "series game"
)
FUTURES_APART = Signal(
    "futures_apart",
    "0 or more",
    "Mean distance of two futures of the same past, in the same unit. Of games that continue a past alone.",
    "series game",
)
LARGEST_VALUE = Signal(
    "largest_value", "0 or more", "Largest size of a number that networks make, over that of the data's numbers.", "series game"
)

# ---------------------------------------------------------------------------------------- health records: of the data and of a game

CODE_FREQUENCIES_HOLDOUT = Signal(
    "code_frequencies/holdout",
    "0 to 1",
    "Root mean squared difference of the frequencies of codes between held-out patients and those that are trained on.",
    "records data",
)
CODE_PAIRS_HOLDOUT = Signal(
    "code_pairs/holdout",
    "0 to 2",
    "Root mean squared difference of the phi coefficients of pairs of codes between the same, less what chance adds.",
    "records data",
)
CODE_PAIRS_INDEPENDENT = Signal(
    "code_pairs/independent", "0 to 2", "The same difference to patients whose codes are shuffled independently.", "records data"
)
CODES_PER_PATIENT_OF_DATA = Signal("codes_per_patient/data", "0 or more", "Mean number of codes of a patient.", "records data")
CODES_DEVIATION_OF_DATA = Signal(
    "codes_per_patient/data/deviation", "0 or more", "Standard deviation of the number of codes of a patient.", "records data"
)
COPIED_PATIENTS_HOLDOUT = Signal(
    "copied_patients/holdout",
    "0 to 1",
    "Share of held-out patients with exactly the codes of a patient that is trained on.",
    "records data",
)
CODE_FREQUENCIES = Signal(
    "code_frequencies", "0 to 1", "Root mean squared difference of the frequencies of codes to those of the data.", "records game"
)
CODE_PAIRS = Signal("code_pairs", "0 to 2", "The same difference of generated patients to the data.", "records game")
CODES_PER_PATIENT = Signal("codes_per_patient", "0 or more", "Mean number of codes of a generated patient.", "records game")
CODES_DEVIATION = Signal("codes_per_patient/deviation", "0 or more", "Standard deviation of that number.", "records game")
LOST_CODES = Signal("lost_codes", "a list of texts", "Codes that were due ten times or more, and never came.", "records game")
COPIED_PATIENTS = Signal(
    "copied_patients", "0 to 1", "Share of generated patients with exactly the codes of a patient that is trained on.", "records game"
)
# ----------------------------------------------------------------------------------------------- orders: of the data and of a game

DEPENDENCE_OF_LOG = Signal(
    "dependence/log",
    "0 to 1",
    "How much groups of customers and of products go together in the log: Cramér's V without its bias. Of logs with both alone.",
    "orders data",
)
SEASON_OF_LOG = Signal(
    "season/log",
    "0 to 1",
    "How far the months' shares of the log's lines are from even ones, beyond chance (total variation). Of logs with dates alone.",
    "orders data",
)
JOINT_DISTANCE_HOLDOUT = Signal(
    "joint_distance/holdout",
    "0 to 1",
    "Total variation of joint shares of customer groups, product groups and quarters, between held-out and training lines.",
    "orders data",
)
DEPENDENCE = Signal("dependence", "0 to 1", "The same as of the log, of generated lines.", "orders game")
SEASON_OF_LINES = Signal("season", "0 to 1", "The same as of the log, of generated lines.", "orders game")
JOINT_DISTANCE = Signal("joint_distance", "0 to 1", "The same between generated and training lines.", "orders game")
LOST_PRODUCTS = Signal("lost_products", "a list of texts", "Products that were due ten times or more, and never came.", "orders game")

# -------------------------------------------------------------------------------------------- sequences: of the data and of a game

MOST_FREQUENT_OF_DATA = Signal(
    "most_frequent/data", "0 to 1", "Share of 256 real sequences that are the most frequent one.", "sequences data"
)
LONGEST_RUN_OF_DATA = Signal(
    "longest_run/data", "0 or more", "How often one token comes without a break, at most, in the mean real sequence.", "sequences data"
)
ENDED_OF_DATA = Signal("ended/data", "0 to 1", "Share of real sequences that are shorter than the longest may be.", "sequences data")
SELF_BLEU_OF_DATA = Signal(
    "self_bleu/data",
    "0 to 1",
    "BLEU of each of 256 real sequences with the others (n-grams of up to 3 tokens), in the mean.",
    "sequences data",
)
MOST_FREQUENT = Signal("most_frequent", "0 to 1", "The same share of 256 generated sequences.", "sequences game")
LONGEST_RUN = Signal("longest_run", "0 or more", "The same of generated sequences.", "sequences game")
ENDED = Signal("ended", "0 to 1", "The same share of generated sequences.", "sequences game")
SELF_BLEU = Signal("self_bleu", "0 to 1", "The same of generated sequences. 1: all are the same.", "sequences game")
# --------------------------------------------------------------------------------------------- molecules: of the data and of a game

DIFFERENT_MOLECULES_OF_DATA = Signal(
    "molecules/different/data", "0 to 1", "Number of different molecules of the data, as a share of those looked at.", "molecules data"
)
IN_PIECES_OF_DATA = Signal(
    "molecules/in_pieces/data", "0 to 1", "Share of the data's molecules that are several in one, such as salts.", "molecules data"
)
VALID_MOLECULES = Signal("molecules/valid", "0 to 1", "Share of 256 samples that are molecules.", "molecules game")
DIFFERENT_MOLECULES = Signal("molecules/different", "0 to 1", "Number of different ones, as a share of these.", "molecules game")
IN_PIECES = Signal("molecules/in_pieces", "0 to 1", "Share of these that are several molecules in one.", "molecules game")

# ------------------------------------------------------------------------------------------------ rewordings: of a game

COPIED_REWORDINGS = Signal("rewordings/copies", "0 to 1", "Share of rewordings, as drawn, that are their text.", "rewordings game")
SAME_REWORDINGS = Signal("rewordings/most_common", "0 to 1", "Share of the rewordings of 64 texts that are the same.", "rewordings game")
ASTRAY_REWORDINGS = Signal(
    "rewordings/astray", "0 to 1", "Share of rewordings, as drawn, that lose or make up words to be kept.", "rewordings game"
)

# ------------------------------------------------------------------------------------------------ music: of the data and of a game

SILENT_PHRASES_OF_DATA = Signal("silent_phrases/data", "0 to 1", "Share of the phrases in which nothing sounds.", "music data")
EMPTY_BARS_OF_DATA = Signal(
    "empty_bars/data", "0 to 1", "Mean share of a phrase's bars, of each track, in which nothing sounds.", "music data"
)
SOUNDING_OF_DATA = Signal("sounding/data", "0 to 1", "Share of a roll's cells (steps by pitches) that sound.", "music data")
QUALIFIED_NOTES_OF_DATA = Signal("qualified_notes/data", "0 to 1", "Share of the notes that are longer than one step.", "music data")
CONSONANCE_OF_DATA = Signal("consonance/data", "0 to 1", "Share of the intervals between tracks that are consonant.", "music data")
SCALE_CONSISTENCY_OF_DATA = Signal(
    "scale_consistency/data", "0 to 1", "Share of a phrase's notes in the scale that has most of them.", "music data"
)
SAME_PHRASE_OF_DATA = Signal("same_phrase/data", "0 to 1", "Share of the phrases that are the most frequent one, in any key.", "music data")
COPIED_PHRASES_HOLDOUT = Signal(
    "copied_phrases/holdout", "0 to 1", "Share of held-out phrases that are one that is trained on, in any key.", "music data"
)
SILENT_PHRASES = Signal("silent_phrases", "0 to 1", "The same as of the data, of generated phrases.", "music game")
EMPTY_BARS = Signal("empty_bars", "0 to 1", "The same as of the data, of generated phrases.", "music game")
SOUNDING = Signal("sounding", "0 to 1", "The same as of the data, of generated phrases.", "music game")
QUALIFIED_NOTES = Signal("qualified_notes", "0 to 1", "The same as of the data, of generated phrases.", "music game")
CONSONANCE = Signal("consonance", "0 to 1", "The same as of the data, of generated phrases.", "music game")
SCALE_CONSISTENCY = Signal("scale_consistency", "0 to 1", "The same as of the data, of generated phrases.", "music game")
SAME_PHRASE = Signal("same_phrase", "0 to 1", "The same as of the data, of generated phrases.", "music game")
COPIED_PHRASES = Signal("copied_phrases", "0 to 1", "Share of generated phrases that are one of the data, in any key.", "music game")

# ------------------------------------------------------------------- images with likelihoods, or with a way back to latents: of a game

BITS_OF_TRAINING = Signal("bits/training", "0 or more", "Bits per dimension of images that are trained on.", "explicit game")
BITS_OF_HOLDOUT = Signal("bits/holdout", "0 or more", "The same of held-out images.", "explicit game")
ROUND_TRIP = Signal(
    "round_trip",
    "0 to 2",
    "Reversible networks: root mean squared difference of images in [-1, 1] and those made of their latents.",
    "explicit game",
)
RECONSTRUCTION = Signal("reconstruction", "0 to 2", "Encoders: the same difference, of both reduced to 16x16.", "explicit game")
SMALLEST_SINGULAR_VALUE = Signal(
    "smallest_singular_value",
    "0 or more",
    "Invertible 1x1 convolutions: smallest singular value of their weights.",
    "explicit game",
)

ALL_SIGNALS = (*(each for each in tuple(globals().values()) if isinstance(each, Signal)), *EMA_SAMPLE_DIVERSITY)


def declared(*sources: Source) -> tuple[Signal, ...]:
    """All signals that these sources write."""
    return tuple(signal for signal in ALL_SIGNALS if signal.source in sources)


OF_KINDS: tuple[Source, ...] = (
    "table data", "table game", "series data", "series game", "records data", "records game", "orders data", "orders game",
    "sequences data", "sequences game", "molecules data", "molecules game", "rewordings game", "music data", "music game",
    "explicit game",
)  # fmt: skip
"""Sources that are of one kind of data alone."""
PROBED: Mapping[str, Signal] = {signal.name: signal for signal in declared(*OF_KINDS)}
"""Signals that adapters measure of their own kind of data, by name."""
