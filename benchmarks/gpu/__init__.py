"""Speed, memory and exactness at Stable Diffusion's size, with random weights: no download."""
