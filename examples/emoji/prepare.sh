#!/usr/bin/env bash
# Makes this folder's table and media from a larger collection, once; running it again gives the
# same bytes where the tools have the versions that NOTICE names.
#
# The source folder holds `emoji.csv` (codepoint, name, keywords, category, subcategory, one column
# for each picture set, speech, split), `noto/*.png` and `speech/*.ogg`, both named by codepoint.
#
# Needs optipng, vorbis-tools (oggdec, oggenc, ogginfo) and python3.
set -euo pipefail

if [[ $# -ne 1 || ! -f "${1:-}/emoji.csv" ]]; then
  echo "usage: $0 SOURCE_FOLDER   (a folder that holds emoji.csv, noto/ and speech/)" >&2
  exit 2
fi
source_folder=$(cd "$1" && pwd)
cd "$(dirname "$0")"

# The most that this folder's table and media may take together, in bytes.
limit=16000000
# Files worked on at once.
jobs=$(nproc 2>/dev/null || echo 2)

# Pictures: the same pixels in fewer bytes.
optimise_picture() {
  optipng -quiet -o2 -clobber -out "noto/$(basename "$1")" "$1"
}

# Speech: decoded, then encoded again at a lower quality. The serial number of an Ogg stream is
# drawn at random unless it is given, and would change the bytes from run to run.
encode_speech() {
  local target
  target=speech/$(basename "$1")
  oggdec --quiet --output - "$1" | oggenc --quiet --quality 0 --serial 1 --output "$target" -
  local before after
  before=$(oggdec --quiet --raw --output - "$1" | wc -c)
  after=$(oggdec --quiet --raw --output - "$target" | wc -c)
  if ((before != after)); then
    echo "$target lasts $((after / 2)) samples, its source $((before / 2))" >&2
    return 1
  fi
}

rm -rf noto speech
mkdir noto speech
export -f optimise_picture encode_speech
# shellcheck disable=SC2016 # $1 is for the inner shell
find "$source_folder/noto" -name '*.png' -print0 |
  xargs -0 -n 1 -P "$jobs" bash -euo pipefail -c 'optimise_picture "$1"' _
# shellcheck disable=SC2016
find "$source_folder/speech" -name '*.ogg' -print0 |
  xargs -0 -n 1 -P "$jobs" bash -euo pipefail -c 'encode_speech "$1"' _

# The table: the columns of this example only. Every file that it names must be here, and no other.
python3 - "$source_folder/emoji.csv" <<'PYTHON'
import csv
import pathlib
import sys

COLUMNS = ["codepoint", "name", "keywords", "category", "subcategory", "noto", "speech", "split"]

with open(sys.argv[1], encoding="utf-8", newline="") as source:
    rows = list(csv.DictReader(source))
with open("emoji.csv", "w", encoding="utf-8", newline="") as target:
    writer = csv.DictWriter(target, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)

for column in ["noto", "speech"]:
    named = {row[column] for row in rows}
    found = {path.as_posix() for path in pathlib.Path(column).iterdir()}
    if named != found:
        sys.exit(f"{column}: the table and the folder differ in {sorted(named ^ found)[:5]}")
PYTHON

total=$(cat emoji.csv noto/* speech/* | wc -c)
echo "$(find noto -type f | wc -l) pictures, $(find speech -type f | wc -l) sounds, $total bytes"
if ((total > limit)); then
  echo "that is more than $limit bytes" >&2
  exit 1
fi
