"""Run directories: how a run is begun and gone on with, its config.json, how far it is."""
