#!/usr/bin/env bash
# Packs this clone into an image: Node, the C library it stands on, and the sources with the npm packages that they need. Nothing else, no shell.
# The entry point is the `slipway` command. Writes a docker archive, which `skopeo copy docker-archive:FILE docker://...`, `podman load`,
# `ctr images import` and `slipway image load` take. The image is for the machine's own architecture.
# usage: image.sh NAME:TAG FILE.tar
set -euo pipefail
[ $# = 2 ] || { echo "usage: $0 NAME:TAG FILE.tar" >&2; exit 2; }
name=$1 file=$(realpath "$2")
source "$(dirname "$0")/setup.sh"
[ -x node_modules/.bin/node ] || install_npm_packages

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
image=$work/root
mkdir -p "$image/slipway/node_modules/.bin" "$image/etc" "$image/var/lib/slipway"
mkdir -m 1777 "$image/tmp"
printf 'root:x:0:0:root:/:/none\nslipway:x:65532:65532:slipway:/var/lib/slipway:/none\n' >"$image/etc/passwd"
printf 'root:x:0:\nslipway:x:65532:\n' >"$image/etc/group"
printf 'hosts: files dns\n' >"$image/etc/nsswitch.conf"

# The workspaces that the command is made of, and the packages of others that those need.
npm ls --workspace cli --omit=dev --all --parseable 2>/dev/null | sed "s|^$root/\?||" >"$work/packages" || true
grep -q . "$work/packages" || die "npm does not say what the command needs; try: npm ls --workspace cli --omit=dev --all"
sed -n 's|^node_modules/@slipway/||p' "$work/packages" | while read -r each; do
  path=$(realpath --relative-to=. "node_modules/@slipway/$each")
  mkdir -p "$image/slipway/$path" "$image/slipway/node_modules/@slipway"
  tar -C "$path" --exclude=node_modules --exclude='*.test.ts' --exclude='*.e2e.ts' --exclude='*.suite.ts' -cf - . | tar -C "$image/slipway/$path" -xf -
  ln -s "../../$path" "$image/slipway/node_modules/@slipway/$each"
done
grep '/\?node_modules/' "$work/packages" | grep -v '^node_modules/@slipway/' | while read -r path; do
  mkdir -p "$image/slipway/$path"
  tar -C "$path" --exclude=node_modules -cf - . | tar -C "$image/slipway/$path" -xf -
done
cp -L node_modules/.bin/node "$image/slipway/node_modules/.bin/node"
cp package.json "$image/slipway/package.json"

# What Node and the compiled packages are linked to. Names are looked up by libraries that are loaded by their names only.
# (Builds for another C library are among the packages; ldd cannot read them, and nobody loads them here.)
find "$image/slipway" -name '*.node' -print0 | { xargs -0 ldd "$image/slipway/node_modules/.bin/node" 2>/dev/null || true; } |
  sed -nE 's/^\s*(\S+ => )?(\/\S+) \(0x.*/\2/p' | grep -v "^$image" | sort -u >"$work/libraries"
for each in libnss_dns.so.2 libnss_files.so.2 libresolv.so.2; do
  ls "$(dirname "$(grep '/libc\.so' "$work/libraries")")/$each" 2>/dev/null >>"$work/libraries" || true
done
while read -r library; do cp --parents -L "$library" "$image"; done <"$work/libraries"

config='{"User":"65532:65532","WorkingDir":"/","Entrypoint":["/slipway/node_modules/.bin/node","--disable-warning=ExperimentalWarning","/slipway/cli/src/main.ts"],"Cmd":["help"]'
config+=",\"Labels\":{\"org.opencontainers.image.title\":\"slipway\",\"org.opencontainers.image.revision\":\"$(git rev-parse HEAD 2>/dev/null || echo unknown)\"}}"
scripts/docker-archive.sh "$image" "$name" "$file" "$config" scripts/image.sh
echo "$file: $name, $(($(stat -c %s "$file") >> 20)) MiB"
