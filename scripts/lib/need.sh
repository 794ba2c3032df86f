# shellcheck shell=bash
# Words on stderr, and programs that may have to be installed. Sourced, after `set -euo pipefail`.

say() { echo "${0##*/}: $*" >&2; }
die() { say "$*"; exit 1; }

# need COMMAND PACKAGE: installs the Debian package when the command is missing and we may.
need() {
  command -v "$1" >/dev/null && return
  if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
    die "'$1' is missing: install it (Debian: apt-get install $2)"
  fi
  say "installing $2"
  if [[ -z ${apt_updated:-} ]]; then
    apt-get update >&2 || say "apt-get update failed; trying with the package lists as they are"
    apt_updated=1
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$2" >&2
  hash -r
  command -v "$1" >/dev/null || die "'$1' is still missing after installing $2"
}
