#!/bin/sh
# Runs a Criterion program for ctest: 77 if it passed but skipped something (a skipped test must never
# count as passed), else its own exit status. Criterion itself exits 0 then.
output=$("$@" --verbose=1 2>&1)
status=$?
printf '%s\n' "$output"
if [ "$status" -eq 0 ] && printf '%s\n' "$output" | grep -q '\[SKIP\]'; then
    exit 77
fi
exit "$status"
