"""A local server of the img2img contract: the same requests, answers and errors, without a GPU."""
