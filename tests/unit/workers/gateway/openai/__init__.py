"""The gateway's face for OpenAI's clients."""
