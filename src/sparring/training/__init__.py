"""The training loop, its state, checkpoints and callbacks. It is handed a game and data, and knows no recipe."""
