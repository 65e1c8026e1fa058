#!/bin/sh
# Print the Python that .venv is to be made with: the first that runs and is 3.11 to 3.13.
#
# A name on PATH proves nothing (a version manager keeps shims for versions that are not switched
# on), so each candidate is run. With an argument only that one is tried.
set -u

probe='
import sys
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit("is Python %d.%d" % sys.version_info[:2])
try:
    import ensurepip, venv
except ImportError as missing:
    sys.exit("has no %s (on Debian and Ubuntu: python3-venv)" % missing.name)
print(sys.executable)
'

if [ -z "${1:-}" ]; then
    set -- python3.13 python3.12 python3.11 python3
fi

tried=""
for candidate do
    if ! command -v "$candidate" >/dev/null 2>&1; then
        tried="$tried
  $candidate: not found"
    elif found=$("$candidate" -c "$probe" 2>&1); then
        printf '%s\n' "$found"
        exit 0
    else
        tried="$tried
  $candidate: $(printf '%s\n' "$found" | head -n 1)"
    fi
done

printf 'Tandem needs Python 3.11, 3.12 or 3.13; none was found:%s\n' "$tried" >&2
printf 'Install one, or name one: make PYTHON=/path/to/python3.12 ...\n' >&2
exit 1
