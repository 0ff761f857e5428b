#!/bin/sh
# From a fresh clone to poses, or to all tests:
#
#   sh tools/quickstart.sh          installs what is missing, builds into build/, finds the people in a sample picture
#   sh tools/quickstart.sh test     the same set-up, then all tests (tools/check.sh); the last line sums up
#
# Packages come through apt-get, with sudo where that is needed; where all is there nothing is installed.
# POSENET_MODELS: a folder of models.  POSENET_SAMPLES: a folder of pictures to take the sample from.
# POSENET_WERROR=ON: warnings are errors.  POSENET_CUDA_ARCHITECTURES: such as "75-real;90a-real".
set -eu
cd "$(dirname "$0")/.."
mode=${1:-run}
[ $# -le 1 ] && { [ "$mode" = run ] || [ "$mode" = test ]; } || {
    echo "usage: sh tools/quickstart.sh [test]" >&2
    exit 2
}

say() { printf '\n==> %s\n' "$*"; }

# ---- what is missing -------------------------------------------------------------------------------

packages="gcc g++ libc6-dev cmake ninja-build pkg-config libonnx-dev protobuf-c-compiler libprotobuf-c-dev
    libdnnl-dev libcjson-dev libjpeg-dev libpng-dev libcairo2-dev libcurl4-openssl-dev libssl-dev"
test_packages="libcriterion-dev python3 python3-venv clang clang-format llvm valgrind ca-certificates"

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

installed() {
    dpkg-query -W -f='${db:Status-Status} ${Provides}\n' "$1" 2>/dev/null | grep -q '^installed'
}

missing_of() {
    for package in "$@"; do installed "$package" || printf ' %s' "$package"; done
}

# libFuzzer's and the sanitizers' package carries clang's version in its name.
clang_runtime() {
    if installed clang; then dpkg-query -W -f='${Depends}\n' clang; else apt-cache show clang | grep '^Depends:'; fi |
        sed -n 's/.*\bclang-\([0-9][0-9]*\).*/libclang-rt-\1-dev/p' | head -n 1
}

install_missing() {
    command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || {
        echo "This is no Debian or Ubuntu: nothing is installed here. Needed are the counterparts of:" $packages
        return 0
    }
    missing=$(missing_of "$@")
    [ "$mode" != test ] || ! installed clang || missing=$missing$(missing_of $(clang_runtime))
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        echo "Missing packages, and neither root nor sudo to install them:$missing" >&2
        exit 2
    fi
    say "installing$missing"
    as_root apt-get update -q
    [ "$mode" != test ] || installed clang || missing="$missing $(clang_runtime)"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
}

if [ "$mode" = test ]; then install_missing $packages $test_packages; else install_missing $packages; fi

# The tests' Python packages: as they are if there, else in a folder of their own, since Debian leaves
# its own Python alone. Without them the tests that need them say "skipped".
python=$(command -v python3 || true)
imports='import numpy, onnx, onnxruntime'
if [ "$mode" = test ] && [ -n "$python" ] && ! "$python" -c "$imports" 2>/dev/null; then
    if [ ! -x build/venv/bin/python ] || ! build/venv/bin/python -c "$imports" 2>/dev/null; then
        say "installing Python's onnx, onnxruntime and numpy into build/venv"
        mkdir -p build
        "$python" -m venv build/venv && build/venv/bin/pip install -q onnx==1.23.2 onnxruntime==1.32.0 numpy ||
            echo "They cannot be installed: tests that need them will be skipped."
    fi
    [ -x build/venv/bin/python ] && python=$PWD/build/venv/bin/python
fi

# ---- build -----------------------------------------------------------------------------------------

jobs=$(nproc 2>/dev/null || echo 2)
architectures=${POSENET_CUDA_ARCHITECTURES:-}
# For the GPUs that are here alone, a build takes a fraction of the time.
[ -n "$architectures" ] || ! nvidia-smi -L >/dev/null 2>&1 || architectures=native
PATH=$PATH:/usr/local/cuda/bin

say "building into build/"
tests=OFF
[ "$mode" = run ] || tests=ON
cmake -S . -B build -G Ninja -DPOSENET_WERROR="${POSENET_WERROR:-OFF}" -DPOSENET_TESTS=$tests \
    ${python:+"-DPython3_EXECUTABLE=$python"} ${architectures:+"-DCMAKE_CUDA_ARCHITECTURES=$architectures"}
cmake --build build -j "$jobs"

# ---- the main job ----------------------------------------------------------------------------------

# The first picture of the first folder that has one.
sample() {
    for folder in "${POSENET_SAMPLES:-/nowhere}" tools/demo/samples ../shared/images; do
        for picture in "$folder"/*.jpg "$folder"/*.jpeg "$folder"/*.png; do
            if [ -f "$picture" ]; then
                echo "$picture"
                return
            fi
        done
    done
}

[ -n "${POSENET_MODELS:-}" ] || [ ! -d ../shared/models ] || export POSENET_MODELS="$PWD/../shared/models"
if [ "$mode" = test ]; then
    export POSENET_PYTHON="$python" POSENET_CUDA_ARCHITECTURES="$architectures"
    exec sh tools/check.sh
fi

picture=$(sample)
[ -n "$picture" ] || {
    echo "Built: build/tools/posenet. No sample picture is here; try it on one of yours:" \
        "build/tools/posenet run --annotate out.png PICTURE"
    exit 0
}
say "finding the people in $picture"
mkdir -p build/quickstart
build/tools/posenet run "$picture"
build/tools/posenet run --annotate build/quickstart/poses.png --json build/quickstart/poses.json "$picture"
echo
echo "picture: build/quickstart/poses.png"
echo "JSON:    build/quickstart/poses.json"
echo "again:   build/tools/posenet run --annotate out.png --json - $picture"
