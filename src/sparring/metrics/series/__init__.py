"""Scores of time series, forecasts and allocations: pure functions of arrays.

Series are float64 arrays "paths steps" (with channels: "paths steps channels") without gaps. One long series is one path. Means are taken
over the values, pairs or windows of all paths together, and no pair or window crosses from one path into the next.
"""
