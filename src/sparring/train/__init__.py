"""Floor 4, training: the loop, its state and its checkpoints. Knows `game.py` and nothing of recipes or judges."""
