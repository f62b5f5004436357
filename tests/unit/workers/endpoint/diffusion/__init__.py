"""The diffusion engine."""
