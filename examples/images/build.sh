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

config="{\"Env\":[\"PATH=/bin\"],\"Cmd\":[\"sh\"],\"WorkingDir\":\"/\",\"Labels\":{\"example\":\"$name\"}}"
"$(dirname "$0")/../../scripts/docker-archive.sh" "$root" "$name" "$file" "$config" examples/images/build.sh
echo "$file: $name"
