# Prints every number of a JSON document as `path<TAB>number`, the path's keys joined by dots.
# Reads any layout of the text, so nothing depends on how a writer indents.

{ text = text $0 "\n" }

END {
  depth = 0
  length_of_text = length(text)
  for (at = 1; at <= length_of_text; at++) {
    sign = substr(text, at, 1)
    if (sign == "\"") read_string()
    else if (sign == "{") { is_list[++depth] = 0; key[depth] = "" }
    else if (sign == "[") { is_list[++depth] = 1; key[depth] = 0 }
    else if (sign == "}" || sign == "]") depth--
    else if (sign == "," && is_list[depth]) key[depth]++
    else if (sign ~ /[-0-9]/) read_number()
  }
}

# A string followed by a colon is a key; any other is a value and is passed over.
function read_string(    start) {
  start = ++at
  while (substr(text, at, 1) != "\"") at += (substr(text, at, 1) == "\\") ? 2 : 1
  if (substr(text, at + 1, 80) ~ /^[ \t\r\n]*:/) key[depth] = substr(text, start, at - start)
}

function read_number(    start, path, level) {
  start = at
  while (substr(text, at + 1, 1) ~ /[-+.0-9eE]/) at++
  path = key[1]
  for (level = 2; level <= depth; level++) path = path "." key[level]
  printf "%s\t%s\n", path, substr(text, start, at - start + 1)
}
