"""How good samples are: scores with their protocol and standard error, comparison of runs, reports."""
