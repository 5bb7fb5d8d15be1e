#!/usr/bin/env bash
# Packs a folder as an image of one layer, as a Docker archive; the same bytes for the same folder.
#   scripts/docker-archive.sh ROOT NAME:TAG FILE.tar CONFIG BUILDER     CONFIG: the image's `config` as JSON; BUILDER: told in its history
set -euo pipefail
root=$1 name=$2 file=$3 config=$4 builder=$5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$root" -cf "$work/layer.tar" .
layer=$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
case $(uname -m) in x86_64) architecture=amd64 ;; aarch64) architecture=arm64 ;; *) architecture=$(uname -m) ;; esac
cat >"$work/config.json" <<JSON
{"architecture":"$architecture","os":"linux","created":"1970-01-01T00:00:00Z","config":$config,"rootfs":{"type":"layers","diff_ids":["sha256:$layer"]},"history":[{"created":"1970-01-01T00:00:00Z","created_by":"$builder $name"}]}
JSON
digest=$(sha256sum "$work/config.json" | cut -d' ' -f1)
mkdir "$work/archive"
mv "$work/layer.tar" "$work/archive/$layer.tar"
mv "$work/config.json" "$work/archive/$digest.json"
printf '[{"Config":"%s.json","RepoTags":["%s"],"Layers":["%s.tar"]}]' "$digest" "$name" "$layer" >"$work/archive/manifest.json"
tar -C "$work/archive" -cf "$file" .
