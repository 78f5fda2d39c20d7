"""Floor 0: specs, batches, random streams, files, pictures and errors. Knows nothing of the floors above."""
