#!/usr/bin/env bash
# The worst difference of every feature from its reference, as the tests find it: docs/features.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo test --release --quiet -p sensorium-modality --lib --no-run
printf '| feature | reference | worst difference | tolerance | unit |\n|---|---|---|---|---|\n'
cargo test --release --quiet -p sensorium-modality --lib -- --nocapture 2>/dev/null |
  sed -n 's/.*parity\t/parity\t/p' | sort -u |
  awk -F '\t' '{ printf "| %s | %s | %s | %s | %s |\n", $2, $3, $4, $5, $6 }'
