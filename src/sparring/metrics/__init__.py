"""Metrics: pure functions of arrays, without files, networks or data sets."""
