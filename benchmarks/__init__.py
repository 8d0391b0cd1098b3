"""One command per published figure; results are files that the documentation's tables come from."""
