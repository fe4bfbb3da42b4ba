# shellcheck shell=bash
# How the demo talks: a title for each step, sentences, the commands it runs and what they say.

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  title=$'\e[1;36m' command_color=$'\e[1m' good=$'\e[32m' bad=$'\e[31m' plain=$'\e[0m'
else
  title='' command_color='' good='' bad='' plain=''
fi
step_number=0
refusals=0

give_up() {
  printf '%s%s%s\n' "$bad" "$*" "$plain" >&2
  exit 1
}

step() {
  step_number=$((step_number + 1))
  printf '\n%s%d. %s%s\n' "$title" "$step_number" "$*" "$plain"
}

tell() { printf '%s\n' "$*" | fold -s -w 110 | sed 's/ $//'; }

# The command as a person would type it: what has spaces is quoted, our own paths are short.
show() {
  local word line=''
  for word in "$@"; do
    word=${word#"$here/"}
    word=${word#"$scratch/"}
    if [[ $word =~ [[:space:]\;\'\"\&\|\{] || -z $word ]]; then line+=" '$word'"; else line+=" $word"; fi
  done
  printf '  %s$%s%s\n' "$command_color" "${line//\/usr\/bin\/python3 -I/python3}" "$plain"
}

indent() { sed 's/^/    /'; }

# Shows a command, runs it, shows what it says.
run() {
  show "$@"
  "$@" 2>&1 | indent || give_up "That should have worked; it ended with exit status ${PIPESTATUS[0]}."
}

# As run(), for a command whose like was shown in full before: its first line is enough.
run_briefly() {
  show "$@"
  "$@" >logs/output.txt 2>&1 || { indent <logs/output.txt; give_up "That should have worked."; }
  head -n 1 logs/output.txt | indent
}

# refuse STATUS COMMAND…: a command that must fail with this exit status.
refuse() {
  local expected=$1 status=0
  shift
  show "$@"
  "$@" >logs/refusal.txt 2>&1 || status=$?
  indent <logs/refusal.txt
  ((status != 0)) || give_up "This was to be refused, and was not."
  ((status == expected)) || give_up "This was refused with exit status $status where $expected was expected."
  refusals=$((refusals + 1))
  printf '    %s→ refused (exit status %d)%s\n' "$good" "$status" "$plain"
}
