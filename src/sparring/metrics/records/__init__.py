"""Metrics of health records: which codes patients have, as arrays of patients by codes. No input or output.

Codes are called present where a patient has them; shares are of patients.
"""
