"""How far to trust a fitted reward: accuracy, calibration, ceiling; numbers, words and pictures."""
