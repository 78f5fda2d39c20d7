"""Measures of molecules, as MOSES has them (Polykovskiy et al. 2020, arXiv:1811.12823): pure functions of RDKit's molecules and arrays."""
