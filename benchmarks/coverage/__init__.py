"""How often 95 % intervals of the statistics of rating hold the truth, on data of known truth."""
