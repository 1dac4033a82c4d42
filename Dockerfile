# syntax=docker/dockerfile:1

# Alpine's Rust links statically of its own accord, so the program needs nothing around it.
FROM rust:1.95-alpine3.22 AS builder
# mbopt: ignore[apk-unpinned] Alpine's branch is named above, and it keeps no older versions
RUN apk add --no-cache gcc musl-dev
WORKDIR /src
COPY Cargo.toml Cargo.lock build.rs ./
COPY benches benches
COPY rules rules
COPY src src
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin mbopt \
    && cp target/release/mbopt /mbopt

FROM scratch
LABEL org.opencontainers.image.title="mbopt" \
      org.opencontainers.image.description="A Dockerfile linter and multi-stage optimizer" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=builder /mbopt /usr/bin/mbopt
# Where pre-commit mounts the repository, and where everybody else may.
WORKDIR /src
USER 65534:65534
ENTRYPOINT ["/usr/bin/mbopt"]
CMD ["--help"]
