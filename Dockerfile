# The server in an image without shell and package manager: a Java runtime, the C library, Cistern.
#
# The context is this directory after deploy/image has put there what is needed:
#   server/target/dist      cistern.jar, java.options and native/PLATFORM/*.so
#   server/target/runtime   a Java runtime made by jlink
# Every step works without network when the base image is there (.ci/base-image makes it).
#
#   deploy/image
#   docker run -p 5000:5000 -v cistern:/data cistern
#   docker run -p 5000:5000 -v cistern:/data -e CISTERN_ANONYMOUS=push cistern
#   docker run --user 12345 --read-only -p 5000:5000 -v cistern:/data cistern
#   docker run -p 5000:5000 -v cistern:/data cistern serve --default-upstream docker.io
#   docker run --rm cistern --help

FROM debian:bookworm-slim AS assembly
COPY server/target/runtime /opt/cistern/runtime
COPY server/target/dist LICENSE /opt/cistern/
# The cache of loaded classes is used only by this very runtime with these very options and files,
# so it is made here.
RUN set -eu; \
    cd /opt/cistern; \
    mv "native/linux-$(uname -m)" lib; \
    rm -r native; \
    printf '%s\n' -XX:+ErrorFileToStderr -Djava.library.path=/opt/cistern/lib >> java.options; \
    if ! runtime/bin/java @/opt/cistern/java.options -XX:AOTCacheOutput=/opt/cistern/cistern.aot \
        -jar /opt/cistern/cistern.jar train > /train.log 2>&1; then cat /train.log; exit 1; fi; \
    runtime/bin/java @/opt/cistern/java.options -XX:AOTCache=/opt/cistern/cistern.aot -XX:AOTMode=on \
        -jar /opt/cistern/cistern.jar --version
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
LABEL org.opencontainers.image.title=Cistern \
  org.opencontainers.image.description="A pull-through caching mirror registry" \
  org.opencontainers.image.licenses=Apache-2.0
COPY --from=assembly /image /
# Beyond loopback nobody may do anything without being told: here everybody may pull.
ENV LANG=C.UTF-8 HOME=/data CISTERN_LISTEN=0.0.0.0:5000 CISTERN_DATA=/data CISTERN_ANONYMOUS=pull \
  ROCKSDB_MUSL_LIBC=false
USER 1001:0
WORKDIR /data
VOLUME /data
EXPOSE 5000
ENTRYPOINT ["/opt/cistern/runtime/bin/java", "@/opt/cistern/java.options", \
  "-XX:AOTCache=/opt/cistern/cistern.aot", "-jar", "/opt/cistern/cistern.jar"]
CMD ["serve"]
