"""The three outcomes of a comparison, as numbers: columns of targets and values of `outcome`."""

PREFERS_A, PREFERS_B, TIE = 0, 1, 2
NUM_OUTCOMES = 3

OUTCOME_OF_CHOICE = {"a": PREFERS_A, "b": PREFERS_B, "tie": TIE, "both_bad": TIE}
"""A snapshot's choices; "both_bad" says nothing about which is better, a skip says nothing."""
