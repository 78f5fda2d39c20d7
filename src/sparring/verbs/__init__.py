"""Floor 6: groups of verbs of the command line. Nothing heavy is imported before one is called."""
