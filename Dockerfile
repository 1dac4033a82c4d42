# Linked statically, so that the program needs nothing around it.
FROM rust:1.95-bookworm AS builder
WORKDIR /src
COPY Cargo.toml Cargo.lock build.rs ./
COPY benches benches
COPY build build
COPY rules rules
COPY src src
# A target that is named keeps the flags away from what runs while it builds: macros, build scripts.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    target="$(rustc --print host-tuple)" \
    && RUSTFLAGS='-C target-feature=+crt-static' \
       cargo build --profile dist --features packed --locked --bin mbopt --target "$target" \
    && cp "target/$target/dist/mbopt" /usr/bin/mbopt

FROM scratch
LABEL org.opencontainers.image.title="mbopt" \
      org.opencontainers.image.description="A Dockerfile linter and multi-stage optimizer" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=builder /usr/bin/mbopt /usr/bin/mbopt
# Where pre-commit mounts the repository, and where everybody else may.
WORKDIR /src
USER 65534:65534
ENTRYPOINT ["/usr/bin/mbopt"]
CMD ["--help"]
