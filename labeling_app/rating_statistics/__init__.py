"""What comparisons are worth: agreement, side bias, raters' quality, win rates, human ceiling.

Pure functions of current comparisons of one aspect (`data.records`), as a store lists them; the
caller chooses the kind of rater, because simulated raters never count as people. Intervals have
95 % coverage, measured by `python -m benchmarks.coverage`. The folder is not called `statistics`:
Streamlit puts the app's folder first on the path, where it would hide Python's own.
"""
