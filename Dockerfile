# One image for every process: a worker by default; the local endpoint and the command line with other commands.

FROM python:3.12.12-slim-bookworm AS python

FROM python AS build
WORKDIR /build
RUN python -m venv /venv
# The sections before [local]: no embedded servers and no test tools in the image.
COPY scripts/constraints.txt scripts/
RUN sed '/^# \[local\]/,$d' scripts/constraints.txt > run.txt \
    && /venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: --no-deps -r run.txt
# Last, since it changes most: everything above stays in the layer cache.
COPY pyproject.toml README.md LICENSE ./
COPY retouch/ retouch/
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation --no-index .

FROM python
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin retouch
COPY --from=build /venv /venv
WORKDIR /app
COPY config/ config/
COPY workers/ workers/
COPY tasks/ tasks/
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# By its number, as Kubernetes wants it for runAsNonRoot.
USER 10001
# A warm shutdown: Celery stops taking work and the worker finishes what it holds.
STOPSIGNAL SIGTERM
# Looks at the worker's own heartbeat only: an outage of Redis is no reason to restart workers.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-m", "workers.health"]
CMD ["celery", "-A", "workers", "worker"]
