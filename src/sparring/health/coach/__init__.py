"""Training that acts on its diagnosis. A coach watches the measurements of a run. When they show that training fails, it stops training,
goes back to the last healthy checkpoint, changes the mildest setting that is known to help, and trains on.

All of its decisions follow from what is recorded, and are in the checkpoints. An intervention is first written to config.json and then
carried out from there: if it is interrupted, at whatever moment, it is carried out again, with the same result.
"""
