#!/bin/sh
# Starts simpletcpunixrelay: the executable for this machine if it is installed, else the same program
# in Bun. `exec` replaces this shell, so the process id, signals, standard streams, inherited
# sockets and the exit status are those of the relay.
set -u

name=simpletcpunixrelay
bun_needed=1.4.5

# new_enough VERSION: whether MAJOR.MINOR.PATCH is at least $bun_needed.
new_enough() (
  IFS=.
  # shellcheck disable=SC2086 # the dots separate the words
  set -- ${1%%[!0-9.]*} $bun_needed
  [ $# -eq 6 ] || return 1
  [ "$1" -eq "$4" ] || { [ "$1" -gt "$4" ]; return; }
  [ "$2" -eq "$5" ] || { [ "$2" -gt "$5" ]; return; }
  [ "$3" -ge "$6" ]
)

# Package managers install a link to this file.
file=$0
case $file in */*) ;; *) file=./$file ;; esac
while [ -h "$file" ]; do
  link=$(readlink "$file")
  case $link in
    /*) file=$link ;;
    *) file=${file%/*}/$link ;;
  esac
done
package=$(cd -P "${file%/*}/.." && pwd) || exit 1

# find_file PACKAGE PATH: puts the path of a file of @simpletcpunixrelay/PACKAGE into $found. The
# package is where Node.js looks for packages: in the node_modules folder of this package's folder, or
# further up.
find_file() {
  folder=$package
  while :; do
    found=$folder/node_modules/@$name/$1/$2
    [ ! -f "$found" ] || return 0
    [ -n "$folder" ] || return 1
    folder=${folder%/*}
  done
}

system=$(uname -sm)
case $system in
  'Linux x86_64') targets='linux-x64 linux-x64-musl' ;;
  'Linux aarch64') targets='linux-arm64 linux-arm64-musl' ;;
  'Darwin x86_64') targets=darwin-x64 ;;
  'Darwin arm64') targets=darwin-arm64 ;;
  *) targets= ;;
esac
# Old versions of npm install the packages for both C libraries. Only glibc knows this variable.
case $targets in
  *musl) getconf GNU_LIBC_VERSION >/dev/null 2>&1 || targets="${targets#* } ${targets% *}" ;;
esac
for target in $targets; do
  if find_file "$target" "bin/$name"; then exec "$found" "$@"; fi
done

if find_file bun lib/main.js && command -v bun >/dev/null 2>&1 &&
  new_enough "$(bun --version)"; then
  # Files in the working folder must not become code or environment.
  exec bun --config=/dev/null --no-env-file "$found" "$@"
fi

bun="install Bun $bun_needed or later (https://bun.com)"
if [ -n "$targets" ]; then
  missing="@$name/${targets%% *}, the package for this machine, is not installed"
  advice="npm install --include=optional $name, or $bun"
else
  missing="there is no executable for $system"
  advice=$bun
fi
printf '%s: cannot start: %s: %s\n' "$name" "$missing" "$advice" >&2
exit 1
