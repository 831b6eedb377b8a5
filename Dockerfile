# syntax=docker/dockerfile:1
# Two images from one tree: `api` (also runs the relay and the migrations; no TensorFlow, no OpenCV) and `worker`.

FROM python:3.13-slim-bookworm AS base
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    MALLOC_MMAP_THRESHOLD_=4194304 \
    MALLOC_TRIM_THRESHOLD_=67108864 \
    MALLOC_ARENA_MAX=1 \
    NEUROBATCH_DATA_DIR=/data \
    NEUROBATCH_HOST=0.0.0.0 \
    NEUROBATCH_PORT=8000
RUN groupadd --gid 10001 neurobatch \
    && useradd --uid 10001 --gid neurobatch --create-home neurobatch \
    && install --directory --owner=neurobatch --group=neurobatch --mode=0750 /data
WORKDIR /app

# What runs; the installed project points here (editable), so there is one copy of it.
FROM scratch AS source
COPY LICENSE README.md alembic.ini gunicorn.conf.py pyproject.toml /app/
COPY api /app/api
COPY migrations /app/migrations
COPY models /app/models
COPY neurobatch /app/neurobatch
COPY shared /app/shared
COPY worker /app/worker

FROM base AS api-environment
RUN python -m venv /opt/venv
COPY requirements-api.txt ./
RUN pip install --no-deps --require-hashes --only-binary :all: --requirement requirements-api.txt
COPY --from=source /app /app
RUN pip install --no-deps --no-build-isolation --editable .

# requirements.txt also pins the tools of development. All wheels are fetched and checked against their hashes;
# then the project and what it depends on, and nothing else, is installed from those alone.
FROM base AS worker-environment
RUN python -m venv /opt/venv
COPY requirements.txt ./
RUN pip download --no-deps --require-hashes --only-binary :all: --dest /wheels --requirement requirements.txt
COPY --from=source /app /app
RUN pip install --no-index --find-links /wheels --editable .

FROM base AS worker
# TensorFlow's notes about the processor would drown the log.
ENV TF_CPP_MIN_LOG_LEVEL=2
COPY --from=worker-environment /opt/venv /opt/venv
COPY --from=source /app /app
USER 10001:10001
VOLUME /data
CMD ["celery", "-A", "worker.app", "worker"]

# The last stage is what a build without --target makes.
FROM base AS api
COPY --from=api-environment /opt/venv /opt/venv
COPY --from=source /app /app
USER 10001:10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=10s --start-period=15s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['NEUROBATCH_PORT'] + '/readyz', timeout=8)"]
CMD ["gunicorn", "api.wsgi:app"]
