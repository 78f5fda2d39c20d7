"""What each command accepts, and how the words of a command line are checked and corrected.

from_signature.py      flags from a function's signature and docstrings
from_settings.py       flags from the settings' dataclasses (train, resume, playground, data prepare)
shared.py              arguments that several commands have: RUN, --device, --checkpoint
correct_flags.py       flags: other spellings, misspellings, missing values, flags of other programs
correct_values.py      values: other spellings, wrong types, what was probably meant
find_recipe.py         the recipe that a command names
spelling.py            spellings that count as the same
flags_in_messages.py   names of settings in error messages, written as flags
"""
