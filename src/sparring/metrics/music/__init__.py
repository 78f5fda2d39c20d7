"""Measures of music, each a number for each phrase, and distances of their distributions. Pure functions of arrays.

Rolls are yes and no, (n, tracks, steps, pitches): `sounding` says which pitches sound, `begins` which notes begin.
"""
