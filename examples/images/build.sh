#!/bin/sh
# Builds a small image from the machine's own static busybox, as a docker-archive that `slipway image load` takes.
# usage: build.sh NAME:TAG FILE.tar        (Debian: apt-get install busybox-static)
set -eu
[ $# = 2 ] || { echo "usage: $0 NAME:TAG FILE.tar" >&2; exit 2; }
name=$1 file=$2
busybox=$(command -v busybox) || { echo "busybox is missing; install it with: apt-get install busybox-static" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root/bin" "$root/etc" "$root/home" "$root/root" "$root/proc" "$root/sys" "$root/dev" "$root/var/log" "$root/www"
mkdir -m 1777 "$root/tmp"
cp "$busybox" "$root/bin/busybox"
chmod 755 "$root/bin/busybox"
for applet in $(busybox --list); do
  [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n' >"$root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"

tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$root" -cf "$work/layer.tar" .
layer=$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
cat >"$work/config.json" <<JSON
{"architecture":"$(dpkg --print-architecture 2>/dev/null || echo amd64)","os":"linux","created":"1970-01-01T00:00:00Z","config":{"Env":["PATH=/bin"],"Cmd":["sh"],"WorkingDir":"/","Labels":{"example":"$name"}},"rootfs":{"type":"layers","diff_ids":["sha256:$layer"]},"history":[{"created":"1970-01-01T00:00:00Z","created_by":"examples/images/build.sh $name"}]}
JSON
config=$(sha256sum "$work/config.json" | cut -d' ' -f1)
mkdir "$work/archive"
mv "$work/layer.tar" "$work/archive/$layer.tar"
mv "$work/config.json" "$work/archive/$config.json"
printf '[{"Config":"%s.json","RepoTags":["%s"],"Layers":["%s.tar"]}]' "$config" "$name" "$layer" >"$work/archive/manifest.json"
tar -C "$work/archive" -cf "$file" .
echo "$file: $name"
