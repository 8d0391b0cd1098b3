"""What comparisons are worth: agreement, side bias, raters' quality, win rates, human ceiling.

Pure functions of current comparisons of one aspect (`data.records`), as a store lists them; the
caller chooses the kind of rater, because simulated raters never count as people. 95 % intervals
are for other raters, prompts or pairs than those seen; how often they hold the truth is measured
by `python -m benchmarks.coverage`. The labelling app and reward models stand on them alike.
"""
