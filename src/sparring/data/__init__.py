"""From a person's files to a memory-mapped store of checked samples."""
