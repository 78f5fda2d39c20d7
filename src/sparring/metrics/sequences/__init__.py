"""Metrics of sequences of tokens: lists of token lists in, numbers out. No input or output.

Where a metric is a mean over sequences, its function gives the number of each, so that the caller knows the mean's standard error.
"""
