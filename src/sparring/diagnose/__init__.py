"""Verdicts: what is wrong with a run, how sure that is, since when, and what to do. Reads what training recorded, and never trains."""
