#!/bin/sh
# All tests, after tools/quickstart.sh has built into build/: one line for each, logs in build/checks/, and a last line
# such as "60 passed, 0 failed, 2 skipped". Exit status 1 if anything failed.
set -eu
cd "$(dirname "$0")/.."
jobs=$(nproc 2>/dev/null || echo 2)
logs=$PWD/build/checks
seconds=${POSENET_FUZZ_SECONDS:-60} # for each fuzz target
rm -rf "$logs"
mkdir -p "$logs"
: >"$logs/results"
started=$(date +%s)

# result passed|failed|skipped WHAT [WHY]
result() {
    printf '%s\n' "$1" >>"$logs/results"
    printf '%-8s %s%s\n' "$1" "$2" "${3:+ ($3)}"
}

# check WHAT LOG COMMAND...: passed if it exits 0; else the end of its log is shown.
check() {
    what=$1 log=$logs/$2.log
    shift 2
    if "$@" >"$log" 2>&1; then
        result passed "$what"
    else
        result failed "$what" "$log"
        tail -n 40 "$log"
        return 1
    fi
}

have() { command -v "$1" >/dev/null; }

say() { printf '\n==> %s (after %d s)\n' "$*" "$(($(date +%s) - started))"; }

# Every test of a build folder by name: ctest BUILD PREFIX [ctest options]
ctest_each() {
    folder=$1 prefix=$2
    shift 2
    ctest --test-dir "$folder" --output-on-failure --timeout 900 "$@" >"$logs/$prefix.ctest.log" 2>&1 || true
    sed -n 's/^ *[0-9]*\/[0-9]* Test *#[0-9]*: \([^ ]*\) \.*[ *]*\([A-Za-z][A-Za-z ]*[a-z]\).*/\1 \2/p' \
        "$logs/$prefix.ctest.log" >"$logs/$prefix.names"
    [ -s "$logs/$prefix.names" ] || result failed "$prefix: ctest ran nothing" "$logs/$prefix.ctest.log"
    while read -r name status; do
        case $status in
        Passed*) result passed "$prefix: $name" ;;
        Skipped*) result skipped "$prefix: $name" "$(sed -n "/$name/,\$s/^.*skipped: *//p" "$logs/$prefix.ctest.log" | head -n 1)" ;;
        *) result failed "$prefix: $name" "$status; $logs/$prefix.ctest.log" ;;
        esac
    done <"$logs/$prefix.names"
    if grep -q '^failed' "$logs/results" && grep -q '\*\*\*Failed\|\*\*\*Exception\|\*\*\*Timeout' "$logs/$prefix.ctest.log"; then
        sed -n '/The following tests FAILED/,$p' "$logs/$prefix.ctest.log"
        grep -v 'Passed' "$logs/$prefix.ctest.log" | head -n 200
    fi
}

configure() {
    folder=$1
    shift
    cmake -S . -B "$folder" -G Ninja -DPOSENET_WERROR="${POSENET_WERROR:-OFF}" ${POSENET_PYTHON:+"-DPython3_EXECUTABLE=$POSENET_PYTHON"} "$@" &&
        cmake --build "$folder" -j "$jobs"
}

# ---- the ordinary build ----------------------------------------------------------------------------

result passed "build: $(cc --version | head -n 1)"
say "tests"
ctest_each build tests

# ---- AddressSanitizer, UndefinedBehaviorSanitizer, leaks --------------------------------------------

# A leak fails no Criterion test (each runs in a child of its own, which merely prints): what sanitizers
# have to say goes to files, and any file is a failure.
sanitized() {
    mkdir -p "$logs/asan"
    ASAN_OPTIONS=log_path=$logs/asan/log:detect_leaks=1:strict_string_checks=1
    UBSAN_OPTIONS=print_stacktrace=1
    export ASAN_OPTIONS UBSAN_OPTIONS
    # These compute a lot and check no memory that the others do not.
    ctest_each build-asan asan -E 'golden_poses_test|package_test|bench_test|onnx_operators_test|tfjs_operators_test|zoo_test'
    unset ASAN_OPTIONS UBSAN_OPTIONS
    if [ -n "$(ls "$logs/asan")" ]; then
        result failed "asan: no report in $logs/asan" "$(ls "$logs/asan" | wc -l) reports"
        head -n 60 "$logs"/asan/*
    else
        result passed "asan: nothing reported, nothing leaked"
    fi
}
say "tests under AddressSanitizer and UndefinedBehaviorSanitizer"
if check "build: sanitizers" build-asan configure build-asan -DPOSENET_SANITIZE=ON -DPOSENET_CUDA=OFF -DPOSENET_BENCH=OFF; then
    sanitized
fi

# ---- valgrind --------------------------------------------------------------------------------------

# Criterion runs each test in a child: followed, one log a process; any finding in any log is a failure.
under_valgrind() {
    name=$1
    shift
    mkdir -p "$logs/valgrind/$name"
    valgrind --trace-children=yes --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect \
        --errors-for-leak-kinds=definite,indirect --log-file="$logs/valgrind/$name/%p" "$@"
    ! grep -L 'ERROR SUMMARY: 0 errors' "$logs/valgrind/$name"/* | grep .
}
say "valgrind"
if have valgrind; then
    for program in image_jpeg_test image_png_test onnx_bytes_test loader_tensor_test tfjs_read_test; do
        [ ! -x "build/tests/$program" ] || check "valgrind: $program" "valgrind-$program" under_valgrind "$program" "build/tests/$program" || true
    done
    check "valgrind: posenet validate" valgrind-validate under_valgrind validate build/tools/posenet validate \
        posenet_demo_mobilenet_v1_075_stride16 --device cpu --size 65x65 || true
else
    result skipped "valgrind" "not installed"
fi

# ---- fuzzing and warnings, with clang ---------------------------------------------------------------

fuzz() {
    target=$1 name=$(basename "$1")
    corpus=$logs/corpus/$name
    mkdir -p "$corpus"
    seeds=$PWD/tests/fuzz/corpus/${name#fuzz_} words=$PWD/tests/fuzz/${name#fuzz_}.dict
    [ -d "$seeds" ] || seeds=$PWD/tests/fuzz/corpus/onnx
    [ -f "$words" ] || words=
    (cd "$logs" && "$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
        -artifact_prefix="$logs/found-$name-" ${words:+"-dict=$words"} "$corpus" "$seeds")
}
if have clang; then
    say "clang, warnings as errors"
    check "build: $(clang --version | head -n 1)" build-clang configure build-clang -DCMAKE_C_COMPILER=clang -DPOSENET_CUDA=OFF || true
    say "fuzzing, $seconds s each"
    if check "build: fuzz targets" build-fuzz configure build-fuzz -DCMAKE_C_COMPILER=clang -DPOSENET_FUZZ=ON -DPOSENET_TESTS=OFF \
        -DPOSENET_CUDA=OFF -DPOSENET_BENCH=OFF; then
        for target in "$PWD"/build-fuzz/tests/fuzz/fuzz_*; do
            [ -x "$target" ] && [ -f "$target" ] || continue
            check "fuzz: $(basename "$target")" "$(basename "$target")" fuzz "$target" || true
        done
    fi
else
    result skipped "clang: warnings, fuzzing" "not installed"
fi

# ---- format ----------------------------------------------------------------------------------------

say "format"
formatted() {
    find kernels loader engine tools bench tests -name '*.[ch]' -exec clang-format --dry-run -Werror {} +
}
if have clang-format; then check "format: clang-format" format formatted || true; else result skipped "format" "no clang-format"; fi

# ---- the sum ---------------------------------------------------------------------------------------

count() { grep -c "^$1" "$logs/results" || true; }
say "done; logs are in build/checks/"
printf '%d passed, %d failed, %d skipped\n' "$(count passed)" "$(count failed)" "$(count skipped)"
[ "$(count failed)" -eq 0 ]
