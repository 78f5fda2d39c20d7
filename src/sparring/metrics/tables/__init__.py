"""Scores of synthetic tables against real ones: pure functions of arrays.

A column is an array: float64 numbers with NaN where a value is missing, or int32 codes with -1 where it is missing. Equal codes mean
equal categories in all tables of a call. A table is a list of columns of one length.
"""
