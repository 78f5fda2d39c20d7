"""Training that acts on verdicts. A coach watches a run's vital signs; where they show that training fails, it ends the sitting,
goes back to the last healthy checkpoint, changes the mildest setting that is known to help, and plays on.

Whatever it decides follows from what is recorded, and is in the checkpoints. An intervention is written to config.json first and carried
out from there: if that is cut short, at whatever moment, it is carried out again, with the same end.
"""
