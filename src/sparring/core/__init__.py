"""Errors, settings, random streams, files, batches and data specs: what everything else stands on."""
