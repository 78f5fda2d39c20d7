"""Exit codes of the command line, besides 0 for success."""

EXIT_ERROR = 1
"""Something that the user can fix: data, settings, files."""
EXIT_USAGE = 2
"""The command line was wrong: an unknown command or flag, a missing or invalid value."""
EXIT_NOT_FINITE = 3
"""A loss or gradient became infinite or NaN during training."""
EXIT_SICK = 4
"""`sparring diagnose` found a problem."""
EXIT_TOO_EARLY = 5
"""`sparring diagnose` needs more training before it can tell."""
EXIT_STOPPED = 130
"""Ctrl-C ended training early; a checkpoint was saved."""
