"""Order lines: who bought what, when, at what price, and how many."""
