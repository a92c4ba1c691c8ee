# The server in an image without shell and package manager: a Java runtime, the C library, Cistern.
#
# The context is this directory after a build, which leaves
#   server/target/dist      cistern.jar and native/*.so
#   server/target/runtime   a Java runtime made by jlink
# Every step works without network when the base image is there (.ci/base-image makes it).
#
#   docker build -t cistern .
#   docker run -p 5000:5000 -v cistern:/data cistern
#   docker run --user 12345 --read-only -p 5000:5000 -v cistern:/data cistern

FROM debian:bookworm-slim AS assembly
COPY server/target/runtime /opt/cistern/runtime
COPY server/target/dist /opt/cistern
# The cache of loaded classes is used only by this very runtime with these very options and files,
# so it is made here.
ARG TRAINING=--version
RUN printf '%s\n' -XX:-UsePerfData -XX:+ErrorFileToStderr -XX:+ExitOnOutOfMemoryError \
      --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow \
      -Djava.library.path=/opt/cistern/native > /opt/cistern/java.options; \
    /opt/cistern/runtime/bin/java @/opt/cistern/java.options \
      -XX:AOTCacheOutput=/opt/cistern/cistern.aot -jar /opt/cistern/cistern.jar $TRAINING
# /image becomes the root: the libraries that the binaries name, with the records and licenses of
# their packages, what the C library looks up, and a place for data that any user may write.
RUN set -eu; \
    mkdir -p /image/etc /image/usr/lib /image/var/lib/dpkg/status.d; \
    for directory in bin sbin lib lib64; do \
      if [ -L /$directory ]; then mkdir -p /image/usr/$directory; ln -s usr/$directory /image/$directory; fi; \
    done; \
    export LD_LIBRARY_PATH=/opt/cistern/runtime/lib:/opt/cistern/runtime/lib/server; \
    find /opt/cistern -type f \( -name '*.so' -o -path '*/bin/java' -o -name jspawnhelper \) -exec ldd {} + \
      | grep -oE '/[^ ]+ \(0x' | cut -d' ' -f1 | grep -v '^/opt/' | sort -u > /libraries; \
    for library in $(cat /libraries); do cp -L --parents "$library" /image; done; \
    for package in $(for library in $(cat /libraries); do dpkg -S "$(realpath "$library")" "$library" 2>/dev/null || true; done \
        | cut -d: -f1 | sort -u); do \
      dpkg -s "$package" > /image/var/lib/dpkg/status.d/"$package"; \
      if [ -e /usr/share/doc/"$package"/copyright ]; then cp -L --parents /usr/share/doc/"$package"/copyright /image; fi; \
    done; \
    cp --parents -r /usr/lib/locale/C.utf8 /usr/lib/os-release /etc/debian_version /image; \
    ln -s ../usr/lib/os-release /image/etc/os-release; \
    echo 'root:x:0:0:root:/:/sbin/nologin' > /image/etc/passwd; \
    echo 'root:x:0:' > /image/etc/group; \
    echo 'hosts: files dns' > /image/etc/nsswitch.conf; \
    mkdir -m 1777 /image/tmp; \
    mkdir -m 0777 /image/data; \
    mv /opt /image/opt; \
    chmod -R go=u-w /image/opt

FROM scratch
COPY --from=assembly /image /
ENV LANG=C.UTF-8 HOME=/data
USER 1001:0
WORKDIR /data
VOLUME /data
EXPOSE 5000
ENTRYPOINT ["/opt/cistern/runtime/bin/java", \
  "@/opt/cistern/java.options", "-XX:AOTCache=/opt/cistern/cistern.aot", \
  "-jar", "/opt/cistern/cistern.jar", "serve", "--listen", "0.0.0.0:5000", "--data", "/data"]
