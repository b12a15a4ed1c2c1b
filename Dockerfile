# syntax=docker/dockerfile:1

FROM rust:1.95-bookworm AS build
WORKDIR /build
COPY . .
# The caches keep what cargo fetched and built between two builds on one machine; neither becomes a layer. The lines of the program go and its
# functions stay, for what a panic tells.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --profile dist --locked \
    && objcopy --strip-debug target/dist/teable-attachments /usr/local/bin/teable-attachments \
    && mkdir /data

# glibc, certificates of the well-known authorities, a user `nonroot`; no shell, no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /usr/local/bin/teable-attachments /usr/local/bin/teable-attachments
COPY --from=build --chown=nonroot:nonroot --chmod=0700 /data /data
COPY LICENSE-APACHE LICENSE-MIT /usr/share/doc/teable-attachments/
ENV HOST=0.0.0.0 \
    PORT=3000 \
    DATA_DIR=/data
WORKDIR /data
VOLUME /data
EXPOSE 3000
# No HEALTHCHECK: it would need a program in the image that asks, and there is none. Let what runs the container ask /healthz and /readyz.
ENTRYPOINT ["/usr/local/bin/teable-attachments"]
