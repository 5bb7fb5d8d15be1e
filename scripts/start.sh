#!/usr/bin/env bash
# `npm start`: all set-up, then `slipway up` in the foreground with the flags that follow `--`.
set -euo pipefail
source "$(dirname "$0")/setup.sh"
install_npm_packages
case " $* " in *" --no-agent "*) agent=no ;; *) agent=yes ;; esac
if [ "$(id -u)" = 0 ] && [ $agent = yes ]; then
  # shellcheck disable=SC2046
  install_system_packages required $(agent_missing)
fi
exec node_modules/.bin/slipway up "$@"
