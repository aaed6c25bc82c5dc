# StormDB in a container: a build stage with Bun, then the binary alone on a distroless base.
# The base images are arguments so that others can take their place.
ARG BUN_IMAGE=oven/bun:1.4.5-debian
ARG BASE_IMAGE=gcr.io/distroless/base-nossl-debian12:nonroot

FROM ${BUN_IMAGE} AS build
WORKDIR /build
COPY package.json bun.lock bunfig.toml tsconfig.json ./
RUN bun install --frozen-lockfile
COPY scripts/build.ts scripts/terminal-kit-plugin.ts scripts/
COPY src src
RUN bun scripts/build.ts && mkdir data

FROM ${BASE_IMAGE}
COPY --from=build /build/stormdb /usr/local/bin/stormdb
COPY --from=build --chown=65532:65532 /build/data /data
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 6379
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --retries=3 CMD ["/usr/local/bin/stormdb", "cli", "-e", "PING"]
ENTRYPOINT ["/usr/local/bin/stormdb"]
# Other containers reach the server over the network, so protected mode would lock them out.
CMD ["server", "--protected-mode", "no"]
