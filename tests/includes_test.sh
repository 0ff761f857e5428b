#!/bin/sh
# Which folder includes which: one line a folder, what its files may include of ours (a prefix each).
# README.md ("Where things are") says the same in words. Tests may include anything.
set -eu
cd "${POSENET_SOURCE:-$(dirname "$0")/..}"
wrong=0 files=0

# may FILES... : PREFIXES...
may() {
    of=
    while [ "$1" != : ]; do
        of="$of $1"
        shift
    done
    shift
    allowed=$(printf '%s\n' "$@" | sed 's/\./\\./g; s/^/"/' | paste -sd '|')
    for file in $of; do
        [ -f "$file" ] || continue
        files=$((files + 1))
        bad=$(grep -nE '^ *# *include "' "$file" | grep -vE "include ($allowed)" || true)
        [ -z "$bad" ] || { printf '%s: %s\n' "$file" "$bad" && wrong=$((wrong + 1)); }
    done
}

may $(find kernels -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh') : kernels/

base='kernels/status.h kernels/pool.h'
root=$(echo loader/*.h)
may loader/*.[ch] : $base $root
may loader/onnx/*.[ch] : $base $root loader/onnx/
may loader/tfjs/*.[ch] : $base $root loader/tfjs/
may loader/generate/*.[ch] : $base $root loader/generate/

# The engine's folders in this order; each knows those before it. A plan is made for a device, of which
# it sees the interface only; the devices run plans.
below='kernels/ loader/file_read.h loader/file_write.h loader/graph.h loader/limits.h loader/names.h
    engine/posenet.h engine/version.h'
for folder in lower rewrite model plan device tune; do
    below="$below engine/$folder/"
    interface=
    [ "$folder" != plan ] || interface='engine/device/device.h'
    may engine/"$folder"/*.[ch] : $below $interface
done
may engine/*.[ch] : kernels/ loader/ engine/

may tools/*.[ch] : kernels/ loader/ engine/ tools/
may tools/run.c bench/*.[ch] bench/*/*.c : engine/posenet.h tools/ bench/

echo "$files files, $wrong with an include that their folder must not have"
[ "$files" -gt 200 ] && [ "$wrong" -eq 0 ]
