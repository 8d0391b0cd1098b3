"""People compare two images of one prompt in a browser; every choice lands in the store.

Nothing here needs torch, so raters' machines do not either.
"""
