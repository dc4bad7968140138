# syntax=docker/dockerfile:1

# Seaworthy in an image, built by Seaworthy: seaworthy up

FROM golang:1.26 AS builder
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ENV CGO_ENABLED=0
ARG VERSION=unversioned
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go build -trimpath -buildvcs=false -ldflags="-s -w" -o internal/program/embedded/ \
        ./internal/edge/server/seaworthy-edge ./internal/runtime/shim/seaworthy-shim ./internal/runtime/aide/seaworthy-aide && \
    go build -trimpath -buildvcs=false -ldflags="-s -w -X main.version=${VERSION}" -o /out/seaworthy .

# Gates the release though nothing copies from it: go vet, and the tests that need neither an engine nor root's machine.
FROM builder AS test
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go vet ./... && go test ./internal/graph/... ./internal/project/... ./internal/release/... ./internal/rollout/...

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates crun iptables runc \
    && rm -rf /var/lib/apt/lists/*
COPY --from=builder /out/seaworthy /usr/local/bin/seaworthy
VOLUME /var/lib/seaworthy
ENTRYPOINT ["seaworthy"]
CMD ["engine", "run"]
