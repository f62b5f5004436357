"""The embedded stack: everything that Retouch needs, real and on this machine, in one data folder.

A Valkey (Redis) server, an S3 server, the local img2img endpoint and workers, each a child process on a free
loopback port. ``python -m workers.stack`` runs it in the foreground; tests and the demo use the classes.
"""
