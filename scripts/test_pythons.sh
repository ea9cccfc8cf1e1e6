#!/bin/sh
# Run the quick tests on Python 3.12, 3.13 and 3.14, or only on the versions in the arguments, each
# in a separate environment. The script needs uv, which downloads a Python version that is missing.
set -eu
cd "$(dirname "$0")/.."
for version in "${@:-3.12 3.13 3.14}"; do
    for one in $version; do
        echo "== Python $one"
        UV_PROJECT_ENVIRONMENT=".venv-$one" uv run --python "$one" --group dev pytest -q -n auto
    done
done
