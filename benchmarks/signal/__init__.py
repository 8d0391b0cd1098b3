"""How much of the policy gradient is signal, step by step of the denoising?"""
