# StormDB in a container: a build stage with Bun, then the binary alone on a distroless base.
# The base images are arguments so that others can take their place: the first needs Bun and a
# shell, the second glibc and nothing else.
ARG BUN_IMAGE=oven/bun:1.4.5-debian
ARG BASE_IMAGE=gcr.io/distroless/base-nossl-debian12:nonroot

FROM ${BUN_IMAGE} AS build
WORKDIR /build
COPY package.json bun.lock bunfig.toml tsconfig.json ./
RUN bun install --frozen-lockfile --production --ignore-scripts
COPY scripts scripts
COPY src src
# There is no shell in the base to make the other names of the binary, or a folder for data.
RUN bun scripts/build.ts && mkdir -p image/bin image/data && mv stormdb image/bin/ && \
    for name in server cli monitor; do ln -s stormdb image/bin/stormdb-$name; done

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="StormDB" \
      org.opencontainers.image.description="A Redis-compatible in-memory database" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /build/image/bin /usr/local/bin
COPY --from=build --chown=65532:65532 /build/image/data /data
# Others reach the server over the network, so protected mode would lock all of them out.
ENV STORMDB_PROTECTED_MODE=no
# A container of a name that is made anew has another address: Bun would use the old one for 30 s.
ENV BUN_CONFIG_DNS_TIME_TO_LIVE_SECONDS=0
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 6379
# The server saves, where it is to, and then ends.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --retries=3 CMD ["/usr/local/bin/stormdb", "cli", "-e", "PING"]
ENTRYPOINT ["/usr/local/bin/stormdb"]
CMD ["server"]
