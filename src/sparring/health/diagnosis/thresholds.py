"""The thresholds of the diagnosis, with their origins.

"Sabotage" is the origin of most: they were set by looking at the runs of part "tune" of benchmarks/sabotage.py, which are made sick on
purpose, and at as many healthy ones. The other parts of that benchmark then showed how often they are right (docs/benchmarks/diagnosis.md).
Distances between images are in units of the mean distance of two real images. AUCs are explained in `sparring.health.signals`.
"""

import math

# ---------------------------------------------------------------------------------------------------- when something can be said at all

MIN_MEASUREMENTS = 3
"""Measurements that must agree. Sabotage."""
MIN_STEPS = 300
"""Steps before which a game is not judged by its samples. Sabotage."""
MATURE_STEPS, MATURE_REAL_SAMPLES = 1000, 40_000
"""Steps, and real images shown, before which a game is not expected to have found every mode, or to have settled. Sabotage."""
MIN_HEALTHY_MEASUREMENTS, MIN_HEALTHY_LOG_LINES = 3, 10
"""Measurements (or lines of a log, where there are none) below which a training in which nothing was found is not called healthy. A
choice: the first measurements are a hundred steps apart."""

# ---------------------------------------------------------------------------------------------------- explicit models

SILENT_LATENTS = 1.0
"""Nats that all latents of an image say together, below which they are silent. Garments: 64 in a healthy run, 0.0 with a beta of 300."""
BETA_WARMUP_SAMPLES = 50_000
"""Real samples over which beta rises, as a remedy. A choice: some minutes on a CPU."""

LESS_LIKELY = 0.05
"""Bits per dimension by which held-out images got less likely than they were at best, from which on a model overfits. Of the same images
every time, so their own spread does not count. Garments: below 0.01 in ten minutes of glow, vae and pixelcnn."""
LOSSY_ROUND_TRIP = 1e-3
"""Difference of images in [-1, 1] after a reversible network and back: an eighth of a level. Float32 gives 1e-5 or less."""
SINGULAR = 1e-3
"""Singular value below which an invertible convolution is nearly singular: its inverse makes rounding a thousand times larger."""
UNRELATED = 0.9
"""Distance of an image and the one made of its latent, over that of two images, above which the encoder finds nothing. Garments: 0.6 after
two minutes of bigan, 0.4 of vaegan."""

# ---------------------------------------------------------------------------------------------------- tables

RIGHT_COLUMNS = 0.05
"""Distance of columns above that of held-out rows up to which columns are right. From runs on adult: a good one has 0.01, CTGAN 0.1."""
DEPENDENT_PAIRS = 0.02
"""Distance of shuffled columns above that of held-out rows from which on pairs can be wrong. Adult: 0.06."""
RIGHT_PAIRS = 0.5
"""Share of the way from shuffled columns to held-out rows below which pairs are wrong. A choice."""
COPIED_ROWS = 0.01
"""Share of copied rows, above twice that of held-out rows, from which on rows are copied: what an attack finds in 20 of 20 tries."""

# -------------------------------------------------------------------------------------------------- health records

DEPENDENT_CODES = 0.02
"""How much farther from the data than held-out patients the pairs of shuffled codes must be for codes to have to do with each other.
Eunomia: 0.09."""
RIGHT_CODE_PAIRS = 0.4
"""Share of the way from shuffled codes to held-out patients below which pairs are not learned. medgan after 90 seconds on Eunomia: 0.9."""
CODES_OFF = 0.5
"""Difference of the mean numbers of codes, in standard deviations of the data's, from which on it is wrong."""
CODES_NARROW = 0.6
"""Patients are too alike if the standard deviation of their numbers of codes is a smaller share of the data's, or too different if its
inverse is."""

# ---------------------------------------------------------------------------------------------------- series

REMEMBERED = 0.05
"""Mean autocorrelation over ten lags from which on a series has a memory that can be lost. Absolute returns of the S&P 500: 0.26."""
LOST_MEMORY = 0.33
"""Share of the data's memory below which it is lost. A choice, far below what short healthy runs have."""
SEASONAL, LOST_SEASON = 0.1, 0.33
"""Share of the variance that the season explains from which on there is one to lose, and the share of that below which it is lost."""
ALIKE_WINDOWS, SAME_FUTURE = 0.3, 0.02
"""Distance of two windows, and of two futures of one past, in units of the distance of real windows, below which they are alike."""
EXPLODING_VALUE = 3.0
"""Times the largest number of the data beyond which values explode."""

# ---------------------------------------------------------------------------------------------------- orders

DEPENDENT_PURCHASES, LOST_DEPENDENCE = 0.1, 0.33
"""Cramér's V of customers' and products' groups from which on it matters who buys what, and the share of it below which that is lost."""
SEASONAL_LINES, LOST_LINES_SEASON = 0.05, 0.33
"""Distance of the months from even ones, beyond chance, from which on there is a season, and the share of it below which it is lost."""

# ---------------------------------------------------------------------------------------------------- molecules

INVALID_MOLECULES = 0.5
"""Share of valid samples below which most is no molecule. A choice."""
MOLECULES_ALIKE, VARIED_MOLECULES, SOME_VALID = 0.2, 0.5, 0.1
"""Share of different molecules among valid ones below which they are alike (MolGAN's known collapse has 0.004), where that of the data is
above the second, and the share of valid ones is above the third."""
MORE_IN_PIECES = 0.2
"""By how much the share of samples that are several molecules in one is above the data's, before it is found to be wrong. A choice."""

# ---------------------------------------------------------------------------------------------------- music

SILENT_PHRASES, EMPTY_BARS, SAME_PHRASE, COPIED_PHRASES = 0.1, 0.15, 0.2, 0.1
"""By how much more of the phrases than of the data's are silent, or the same, or copies, and bars are empty, from which on it is wrong.
Choices, far from what healthy runs have."""
NOTES_EVERYWHERE = 3.0
"""Times the data's share of cells that sound beyond which notes are everywhere."""
FRAGMENTED_NOTES = 0.3
"""By how much less of the notes than of the data's are longer than a step, from which on they are fragments."""

# ---------------------------------------------------------------------------------------------------- rewordings

COPIED_REWORDINGS, SAME_REWORDINGS, ASTRAY_REWORDINGS = 0.5, 0.1, 0.8
"""Shares of rewordings, as drawn, that are their text, that are one and the same for 64 texts, and that lose or make up words to be kept:
above these few are of use. Choices."""

# ---------------------------------------------------------------------------------------------------- one player wins

WINNING_AUC = 0.985
"""AUC of real against generated images above which the discriminator wins. Sabotage."""
WINNING_COVERAGE = 0.1
"""Coverage above which a discriminator that wins does no harm. Sabotage."""
VANISHED_GRADIENT = 0.1
"""Share of its early norm below which the generator's gradient counts as vanished. Sabotage."""
CERTAIN_LOGIT = -7.0
"""Mean log-odds of generated images below which the discriminator is certain of them: a chance of a thousandth to be real."""
STALLED_UPDATE = 3e-4
"""Relative size of a step below which a network's weights hardly move. Sabotage."""
WEAK_AUC, WEAK_AUC_ONSET = 0.6, 0.65
"""AUC of real against generated images below which a discriminator sees next to nothing, and below which it began. Sabotage."""
WEAK_COVERAGE = 0.05
"""Coverage below which the samples that it does not tell apart are wrong. Sabotage."""
STALLED_DISCRIMINATOR = 0.5
"""Share of the generator's early step below which the discriminator's small steps count as stalled. Sabotage."""
SURROUNDED_RECALL = 0.5
"""Recall above which points lie around and between the modes, as on their way to them. Sabotage."""
SINGLE_POINT = 0.02
"""Diversity below which all samples are one image. Sabotage."""

# ---------------------------------------------------------------------------------------------------- overfitting

MIN_HOLDOUT = 5
"""Held-out images without which overfitting of the discriminator is not looked for."""
OVERFITTING_GAP, OVERFITTING_STANDARD_ERRORS = 0.12, 3
"""How far the AUC of training against held-out images must be above 0.5, and by how many of its standard errors. Sabotage."""
OVERFITTING_SEVERE, OVERFITTING_YOUNG = 0.75, 0.7
"""AUC above which overfitting is severe, and below which it is a note in a young game. Sabotage."""
MEMORIZED, MEMORIZED_SEVERELY = 0.65, 0.4
"""Distance of samples to the nearest training image, over that of other real images, below which they are copies. Sabotage."""
MIN_DIVERSITY_TO_MEMORIZE = 0.3
"""Diversity below which samples near real images are a collapse, and not copies. Sabotage."""
MIN_HOLDOUT_TO_COMPARE = 10
"""Held-out images from which on their distance to the training images is what samples are compared with."""
MIN_DATA_DISTANCE = 0.02
"""Mean distance of two real images, of [-1, 1], below which all images are the same."""
MOSTLY_MEASURED = 2
"""Times the images measured: of more images, the smooth samples of a young game are near smooth images. Sabotage."""
COPIES_MEASURED = 2.5
"""Times the images measured: of more images, copies of training images are mostly of others."""

# ---------------------------------------------------------------------------------------------------- non-convergence

DIVERGED, DIVERGED_GROWTH = 60, 4
"""Size of logits and losses above which they diverge, if they also grew so many times. Sabotage."""
DIVERGED_OUTRIGHT = 1e4
"""Size of logits and losses above which they diverge whatever they were early on. Sabotage."""
FAR_SAMPLES, FAR_SAMPLES_GROWTH = 4, 1.5
"""Distance of samples to the nearest real image above which they diverge, if it also grew so many times. Sabotage."""
FAR_POINTS = 10
"""Distance of points to the nearest real one that no bounded or untrained network would bring about. Sabotage."""
WALKING, WALKING_SHARE, WALKING_ONSET = 0.6, 0.15, 0.5
"""Movement of the same latents' samples in a hundred steps above which they do not settle; the share of the early movement that it must
still be; and the movement since which it has been so. Sabotage. (At rest it is a random walk: distances grow as the root of the steps.)"""
HOPPING, HOPPING_RETURNS = 0.8, 0.3
"""Movement from one measurement to the next that leaves nothing of the samples, and the share of measurements at which they came back.
(In 33 runs of seven recipes, of 800 to 9,800 steps, the movement is 0.03 to 0.58.) Images are not farther apart after more steps, so later
only this shows. Sabotage."""
UNSETTLED_COVERAGE, UNSETTLED_DIVERSITY = 0.5, 20
"""Coverage above which, and diversity above which, movement is not called oscillation. Sabotage."""
EXPLODED, EXPLODED_SEVERELY = 30, 100
"""How many times a spectral norm must have grown, and its least value; and how many times is severe. Sabotage."""
NEGLIGIBLE_NORM = 1e-6
"""Spectral norms below this are of weights that are nothing yet."""

# ---------------------------------------------------------------------------------------------------- samples

COLLAPSED_DIVERSITY, COLLAPSED_DIVERSITY_GROWTH = 0.3, 1.5
"""Diversity below which samples are a collapse, and how many times it may have grown since early on. Sabotage."""
COLLAPSED_ONSET = 0.4
"""Diversity below which a collapse began. Sabotage."""
DUPLICATED_SAMPLES = 0.8
"""Share of samples with a near-duplicate among the others above which they are a collapse. Sabotage."""
FEW_IMAGES_DISTANCE, FEW_IMAGES_GROWTH = 0.15, 1.5
"""Distance of a sample to the nearest other one, over that of real images, below which a few images are generated again and again, and how
many times it may have grown since early on. (Healthy runs of nine recipes have 0.46 to 1.08, an `acgan` that generates one image for each
class 0.06.) Sabotage."""
NAMED_MODE = 0.15
"""Share of the samples from which on a class is named among those that they look like."""
MIN_DIVERSITY_FOR_MODES = 0.2
"""Diversity below which missing modes are part of a collapse. Sabotage."""
MISSING_POINT_MODE, MISSING_IMAGE_MODE = 0.2, 0.35
"""Share of its due below which a mode counts as missing: of points, whose modes are apart, and of images. Sabotage."""
MISSING_POINT_MASS, MISSING_IMAGE_MASS = 0.05, 0.25
"""Share of the data that missing modes must make up, of points and of images. Sabotage."""
SLIGHT_MASS, SEVERE_MASS = 0.08, 0.5
"""Share of the data below which missing modes are a note (one cluster of sixteen, such as the end of a curve, has up to 0.077), and above
which they are severe. Sabotage."""
MIN_CLASS_AGREEMENT = 0.3
"""Share of a class's real images whose nearest neighbor is of their class, below which the nearest image does not tell the class."""
MIN_EXPECTED_SAMPLES = 5
"""Samples of a mode that a measurement should have: rarer modes may be absent by chance."""
IGNORED_CLASSES, IGNORED_CLASSES_ONSET = 0.25, 0.35
"""How far from chance to the real images' agreement the samples' agreement with their class must come, else the generator ignores it; and
below which it began. Sabotage."""
FORGETTING_BEST, FORGETTING_LEFT, FORGETTING_ONSET = 0.3, 0.4, 0.6
"""Best coverage that can be forgotten; the share of it that is left; and the share below which it began. Sabotage."""
NO_PROGRESS_COVERAGE, NO_PROGRESS_RECENT_COVERAGE, NO_PROGRESS_PRECISION = 0.1, 0.05, 0.1
"""Coverage that was never reached, recent coverage and recent precision of a generator that learns nothing. Sabotage."""
NO_PROGRESS_DISTANCE = 0.9
"""Share of the earlier distance to real images below which samples come nearer. Sabotage."""
CHECKERBOARD_SHARE, CHECKERBOARD_TIMES = 0.02, 10
"""Share of alternating pixels that is a pattern, and how many times that of real images it must be. Sabotage."""
CHECKERBOARD_WITHOUT_DIVERSITY, CHECKERBOARD_MIN_DIVERSITY = 0.2, 0.05
"""Share from which on a pattern counts even in samples of less than this diversity. Sabotage."""
FIRST_CHECKERBOARD = 0.1
"""Share that a game may begin with, and lose: at most 0.04 in young healthy games, at least 0.16 where a pattern was built in. Sabotage."""
CHECKERBOARD_FADING, CHECKERBOARD_VARIED = 0.8, 0.1
"""Share of its early strength below which a pattern that is not too strong is fading (a narrow `lsgan` began with 0.28); and the diversity
from which on samples vary so much that a pattern of the beginning has a small share in them. Sabotage."""
SATURATED_SHARE, SATURATED_EXCESS, SATURATED_ONSET = 0.5, 0.25, 0.2
"""Share of saturated pixels; how far it must be above that of real images; and how far it was when it began. Sabotage."""

# ---------------------------------------------------------------------------------------------------- data

MIN_IMAGES_MEASURED = 200
"""Real images measured without which nothing is said of their labels, or of a range that all of them happen to have."""
RANGE_TOLERANCE = 1.2
"""Values beyond which images are outside [-1, 1], and the width of range below which they have little contrast."""
RANGE_ROUNDING = 0.012
"""How near to its ends images come that were scaled to another range (a step of 8-bit pixels is 0.008). Others of little contrast hardly
do."""
FAINTEST_RANGE = 0.25
"""Range below which there is next to nothing to see: 32 steps of 8-bit pixels."""
DUPLICATES_MIN_RANGE = 0.4
"""Range from which on images that hardly differ are duplicates, and not faint. Sabotage."""
LABEL_STANDARD_ERRORS = 4.0
"""Standard errors above chance from which on the agreement of labels is no accident: one in thirty thousand (a normal tail)."""
SAME_LABEL_BY_CHANCE = 0.8
"""Agreement by chance above which one class is nearly all of the data, and labels cannot be judged."""
DUPLICATES, DUPLICATES_WARNING, DUPLICATES_SEVERE = 0.3, 0.6, 0.8
"""Share of real images with a near-duplicate that is a note, a warning, severe. Sabotage."""
FEW_IMAGES, FEW_IMAGES_WARNING, FEW_IMAGES_SEVERE = 2000, 400, 100
"""Images below which they are few: a note, a warning (without augmentation), severe. Sabotage."""

# ---------------------------------------------------------------------------------------------------- set-up

FOOLED_AUC, FOOLED_AUC_ONSET, FOOLED_IN_TRAINING = 0.2, 0.3, 0.9
"""AUC of the data against generated images of a discriminator that is not trained on the data; below which it began; and the share of log
lines in which it ranks what it is trained on above generated images. Sabotage."""
FROZEN_UPDATE, FROZEN_SHARE = 1e-8, 0.4
"""Relative size of a step below which a weight is frozen, and the share of a network's weights that must be. Sabotage."""
MIN_BATCH_FOR_NORM = 16
"""Images of a batch from which on its norm is like that of a measurement's images. Sabotage."""
MIXING_GAP, MIXING_LEFT, MIXING_AUC = 0.8, 0.35, 0.85
"""Gap between logits of real and generated images in training; the share of it that is left in batches of one kind; and the AUC there, of a
discriminator whose batch norm mixes both. Sabotage."""
HUGE_UPDATE, HUGE_RATE = 0.12, 50
"""Relative size of a first step, and times the recipe's own rate, that are too much whatever the other is. Sabotage."""
TOO_FAST, TOO_SLOW = ((4, 0.03), (8, 0.006)), ((0.2, 0.003), (0.1, 0.006))
"""Times the recipe's own rate, and relative size of a first step, from which on (below which) the two together are too much (too little).
Sabotage."""
USUAL_RATE = (0.2, 4)
"""Times the recipe's own rate between which it is not worth a word. Sabotage."""
CERTAIN_RATE = (0.2, 8)
"""Times the recipe's own rate beyond which a wrong step is severe. Sabotage."""
HARMLESS_UPDATE, HARMLESS_UPDATE_OF_HIGH_RATE, HARMLESS_COVERAGE = 0.05, 0.028, 0.3
"""Relative size of a first step (and that of a rate of eight times the recipe's own) below which, and recent coverage above which, a high
rate does no harm. Sabotage."""
DEAD_CHANNELS = 0.98
"""Share of a layer's channels that must be constant for it to be dead. Sabotage."""

# ---------------------------------------------------------------------------------------------------- other programs' losses and samples

MIN_LOSSES, MIN_LOSSES_TO_SWING = 10, 20
"""Losses without which nothing is said of who wins, or of whether they swing."""
SWING_GROWTH, SWING_GROWTH_OF_CRITIC = 3, 10
"""How many times the standard deviation of the generator's loss must have grown, and of a critic's game. Sabotage."""
WON_LOSS, LOST_LOSS, WON_ONSET = 0.05, 2, 0.1
"""Loss of a player that wins; loss of a discriminator that loses; and loss below which it began. Sabotage."""
GUESSING_LOSS = 2 * math.log(2)
"""The discriminator's loss if it says one half of everything: a cross entropy of each kind of image."""
WORSE_THAN_GUESSING, CONVINCING_LOSS = 1.25, 0.35
"""Times that loss above which a discriminator is worse than guessing; and loss of a generator whose samples it takes for real (0.35: with a
probability of 0.7). Measured on failures made on purpose."""
STILL_LOSS = 1e-6
"""Relative range below which a loss does not change."""
SHEET_RETURNED, SHEET_RETURNED_ONSET, SHEET_MOVING = 0.3, 0.4, 0.5
"""Return of sample sheets that go round; below which it began; and the share of the early movement that is left. Sabotage."""
MIN_RETURNS = 4
"""Sheets whose return must be known."""
SHEET_SAME, SHEET_COLLAPSE, SHEET_DUPLICATES, SHEET_DUPLICATES_ONSET = 0.03, 0.35, 0.8, 0.5
"""Spread below which the images of a sheet are the same; the share of the largest spread that is a collapse; the share of near-duplicates
that is one; and above which it began. Sabotage."""
MANY_SHEETS = 7
"""Of more sheets than this, the first quarter shows how a game began: first blobs may be stronger than images."""
SHEET_NOISE_LEVEL = 0.75
"""Noise level of samples that are noise rather than images: garments at 28x28 and emoji at 16x16 to 64x64 have 0.06 to 0.24, and single
ones 0.02 to 0.68. Measured on the bundled images."""

SHIFTED_RANGE, HALVED_RANGE = 0.3, 0.1
"""How much brighter (of [-1, 1]) the darkest hundredth of samples is than the darkest tenth of real images where they are scaled wrongly,
or the other way round; and how near it comes to what scaling twice gives. Measured on failures made on purpose."""

SAME_SEQUENCE = 0.1
"""By how much the share of the most frequent sequence exceeds that of the data where a generator has collapsed. Of 256 sequences, so many
more than in the data do not come by chance."""
MORE_ALIKE = 0.5
"""The part of the way from the data's self-BLEU to 1 above which sequences are alike. Measured on failures made on purpose: variations of
twelve texts."""
LONGER_RUNS = 2.0
"""Times as long as in the data, and one token more, that runs of one token are where tokens are repeated."""
ENDING, ENDS_LOST = 0.2, 0.5
"""Share of real sequences that must end before the largest length, and the part of it that must be left."""

# ---------------------------------------------------------------------------------------------------- usual values

COMPARED_PAIRS_RATE = 1e-3
"""Learning rate that suits the relativistic game in pairs with R1 and R2, whatever the recipe's own objective: `cgan` plays it so.
Measured: benchmarks/budget.py."""
EARLY_SHARE_OF_LOG = 8
"""A gradient that comes in the first eighth of a log's lines alone came in the first steps alone."""
