"""Exit statuses of the command line, beside 0 for success."""

EXIT_ERROR = 1
"""Something that a person can mend: data, settings, files."""
EXIT_USAGE = 2
"""The command was not written as it must be."""
EXIT_NOT_FINITE = 3
"""Training became infinite or not a number."""
EXIT_SICK = 4
"""`diagnose` found something wrong."""
EXIT_TOO_EARLY = 5
"""`diagnose` cannot tell yet."""
EXIT_STOPPED = 130
"""Ctrl-C ended training; what was learned is saved."""
