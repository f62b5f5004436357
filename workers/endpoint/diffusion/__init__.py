"""Stable Diffusion 1.5 behind the endpoint's engine."""
