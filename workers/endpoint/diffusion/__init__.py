"""Stable Diffusion 1.5 behind the endpoint's engine. All but ``batching`` needs the extra ``diffusion``."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # read where the libraries are imported: nothing is ever fetched
