"""Imports official weights and those of other programs, without running any code from their files."""
