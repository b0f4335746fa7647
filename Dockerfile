# Two images from one file. The last stage, the default, is the worker:
#     docker build -t onsight .
#     docker build -t onsight-exporter --target exporter .
# BASE is any image that has python3 (3.11 or newer, with venv) on its path; name it by digest to pin its bytes.
ARG BASE=docker.io/library/python:3.13.9-slim-bookworm

# The first stages have pip and all that building needs; nothing but finished folders leaves them.
FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
ARG TARGETARCH=amd64
# One dependency (faust-streaming) has no wheel for arm64 and compiles there.
RUN if [ "$TARGETARCH" = arm64 ]; then \
        apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*; \
    fi
COPY deploy/locks/build.lock deploy/locks/worker.lock /src/deploy/locks/
RUN python3 -m venv /build \
    && /build/bin/pip install --require-hashes --requirement /src/deploy/locks/build.lock \
    && python3 -m venv --without-pip /opt/onsight \
    && /build/bin/pip --python /opt/onsight/bin/python install --require-hashes --requirement /src/deploy/locks/worker.lock
WORKDIR /src
COPY pyproject.toml README.md ./
COPY stream stream
COPY export export
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . \
    && /build/bin/pip --python /opt/onsight/bin/python install --no-deps /wheel/*.whl

FROM build AS build-exporter
COPY deploy/locks/exporter.lock /src/deploy/locks/
RUN /build/bin/pip --python /opt/onsight/bin/python install --require-hashes --requirement /src/deploy/locks/exporter.lock

FROM ${BASE} AS runtime
RUN groupadd --gid 10001 onsight \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin onsight
# The root file system may be read-only; what is written goes to /tmp.
ENV PATH=/opt/onsight/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1
USER 10001:10001
WORKDIR /tmp

FROM runtime AS exporter
LABEL org.opencontainers.image.title="onsight-exporter" \
      org.opencontainers.image.description="Trains, evaluates and signs the models of onsight"
ENV MPLCONFIGDIR=/tmp/matplotlib
COPY --from=build-exporter /opt/onsight /opt/onsight
ENTRYPOINT ["onsight-export"]
CMD ["--help"]

FROM runtime AS worker
LABEL org.opencontainers.image.title="onsight" \
      org.opencontainers.image.description="Zero-shot anomaly detection on Kafka streams"
ENV ONSIGHT_LOG_FORMAT=json \
    ONSIGHT_HEALTH_HOST=0.0.0.0 \
    ONSIGHT_HEALTH_PORT=8080
COPY --from=build /opt/onsight /opt/onsight
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["onsight"]
CMD ["worker"]
