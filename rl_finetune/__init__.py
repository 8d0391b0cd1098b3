"""A reward to a better policy: DPOK on Stable Diffusion models in diffusers' format."""
