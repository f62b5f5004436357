"""Stable Diffusion 1.5 behind the endpoint's engine. All but ``batching`` needs the extra ``diffusion``."""

import os

# Read where the libraries are imported.
os.environ["HF_HUB_OFFLINE"] = "1"  # nothing is ever fetched
for library in ("DIFFUSERS", "TRANSFORMERS"):
    os.environ.setdefault(f"{library}_VERBOSITY", "error")  # else they advise on each start what to install besides
