# `docker build --tag medunlearn .`, then `docker run --rm --volume "$PWD:/data" medunlearn reproduce demo`.
# For NVIDIA GPUs: `docker build --build-arg BASE=nvidia/cuda:12.8.1-base-ubuntu24.04 --tag medunlearn .`, and
# `docker run --gpus all ...`. PyTorch's packages bring the rest of CUDA along.
ARG BASE=python:3.12-slim
FROM ${BASE}

# Other extras of pyproject.toml, and arguments of pip, such as an index of PyTorch's smaller packages for CPUs alone.
ARG EXTRAS=dicom,receipt,export,onnx
ARG PIP_ARGS=""

# The CUDA image has no Python yet.
# hadolint ignore=DL3008
RUN python3 -c "import ensurepip, venv" || { \
        apt-get update \
        && apt-get install --yes --no-install-recommends python3 python3-venv \
        && rm -rf /var/lib/apt/lists/*; \
    }

WORKDIR /opt/source
COPY . .
# hadolint ignore=SC2086
RUN python3 -m venv /opt/medunlearn \
    && /opt/medunlearn/bin/pip install --no-cache-dir ${PIP_ARGS} ".[${EXTRAS}]"

# Whoever runs it has no rights over what is installed. With `--user "$(id -u):$(id -g)"` results are yours on the host.
RUN useradd --create-home --uid 10001 medunlearn \
    && install --directory --owner=medunlearn --mode=0777 /data
ENV PATH=/opt/medunlearn/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
USER 10001
WORKDIR /data
ENTRYPOINT ["medunlearn"]
CMD ["--help"]
