#!/usr/bin/env bash
# Fills fuzz/corpus/ with what the fuzzer starts from: the repository's own files, none kept twice.
set -euo pipefail
cd "$(dirname "$0")/.."

# corpus TARGET FILE...: copies files, each under a name that says where it is from.
corpus() {
  local folder=fuzz/corpus/$1 file
  shift
  mkdir -p "$folder"
  for file in "$@"; do
    cp "$file" "$folder/${file//\//-}"
  done
}

shopt -s nullglob
corpus image golden/image_decode/*/*.{png,jpg,jpeg,gif,webp,bmp} golden/image_reduced/*/*.jpg
corpus audio crates/sensorium-modality/tests/media/*
corpus parquet golden/table_parquet/*/table.parquet

# Tables and texts: the first lines of the example.
mkdir -p fuzz/corpus/{csv,json_lines,text,tokenizer}
head -5 examples/emoji/emoji.csv >fuzz/corpus/csv/emoji
printf 'a,"b ""c"" , d"\r\n1,\n' >fuzz/corpus/csv/quoted
printf '{"a": 1, "b": [0.5, "x"]}\n{"b": {"bytes": "aGk=", "path": null}, "c": true}\n' >fuzz/corpus/json_lines/file
for line in 2 40 400; do
  sed -n "${line}p" examples/emoji/emoji.csv >"fuzz/corpus/text/line-$line"
done

# A tokenizer file, then a zero byte and a text. Whole files are large, so small ones stand beside them.
for folder in golden/text_tokenizer/*; do
  { cat "$folder/tokenizer.json"; printf '\0A red apple, 3.5 of them'; } >"fuzz/corpus/tokenizer/$(basename "$folder")"
done
small() {
  printf '{"version":"1.0","added_tokens":[{"id":0,"content":"[U]","special":true,"single_word":false,"lstrip":true,"rstrip":false,"normalized":false}],"normalizer":%s,"pre_tokenizer":%s,"post_processor":%s,"model":%s}\0ab [U] aab' \
    "$2" "$3" "$4" "$5" >"fuzz/corpus/tokenizer/$1"
}
words='{"[U]":0,"a":1,"b":2,"ab":3,"##b":4}'
template='{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[U]","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"[U]":{"id":"[U]","ids":[0],"tokens":["[U]"]}}}'
replace='{"type":"Replace","pattern":{"Regex":"a+"},"content":"b"}'
small word_level null '{"type":"Whitespace"}' "$template" '{"type":"WordLevel","unk_token":"[U]","vocab":'"$words"'}'
small word_piece '{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true}' \
  '{"type":"BertPreTokenizer"}' '{"type":"BertProcessing","sep":["b",2],"cls":["a",1]}' \
  '{"type":"WordPiece","unk_token":"[U]","continuing_subword_prefix":"##","max_input_chars_per_word":9,"vocab":'"$words"'}'
small bpe '{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Lowercase"},'"$replace"']}' \
  '{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}' \
  '{"type":"RobertaProcessing","sep":["b",2],"cls":["a",1],"trim_offsets":true,"add_prefix_space":false}' \
  '{"type":"BPE","unk_token":"[U]","fuse_unk":true,"byte_fallback":true,"vocab":'"$words"',"merges":[["a","b"]]}'
small unigram '{"type":"Prepend","prepend":"a"}' '{"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":true}' \
  null '{"type":"Unigram","unk_id":0,"vocab":[["[U]",0.0],["a",-1.0],["ab",-1.5],["▁",-2.0]]}'
small split '{"type":"Strip","strip_left":true,"strip_right":true}' \
  '{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\s+|b"},"behavior":"MergedWithNext","invert":false},{"type":"Punctuation","behavior":"Contiguous"},{"type":"Digits","individual_digits":true}]}' \
  null '{"type":"WordLevel","unk_token":"[U]","vocab":'"$words"'}'
