"""Floor 1, data: from a person's files to a memory-mapped store of checked pictures."""
