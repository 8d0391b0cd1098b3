"""The four outcomes of a comparison, as numbers: columns of targets and values of `outcome`."""

PREFERS_A, PREFERS_B, TIE, BOTH_BAD = 0, 1, 2, 3
NUM_OUTCOMES = 4

OUTCOME_OF_CHOICE = {"a": PREFERS_A, "b": PREFERS_B, "tie": TIE, "both_bad": BOTH_BAD}
"""A snapshot's choices; a skip says nothing."""

DECIDED = (PREFERS_A, PREFERS_B)
"""Outcomes that order the two images."""
