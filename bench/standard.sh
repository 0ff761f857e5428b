#!/bin/sh
# The standard set of measurements, each kept as one JSON file for bench/report.py.
#
#   bench/standard.sh [cpu] [cuda] [PART...]     nothing named: cpu, and cuda if there is a GPU
#
# cuda is the parts  warm targets repeat slots roofline  in turn, ten minutes. More rows of the tables are the parts
# network and frame, eight minutes; autotune is another one (torch.compile's autotuning takes minutes a network). Each
# can be named alone. A record that is there already is not made again, so a run that was cut short goes on where it
# stopped when it is started again.
#
# POSENET_BUILD is the build folder (default: build). Results go to POSENET_RESULTS (default:
# bench/results/DATE-COMMIT). POSENET_PYTHON runs the rivals. What runtimes compile or tune once is kept in
# POSENET_BENCH_CACHE (default: a folder in the cache folder). POSENET_SECONDS ends it: what would begin later is left out.
# A record takes about POSENET_ROW_SECONDS (100) at most: rivals that are not open by then are left out and three rounds
# are enough; one that is silent for half of it is out (twice of it: the record is given up).
# The cpu part takes about four minutes on two cores that do nothing else; a machine that does something else
# makes every figure worthless, and the records say how busy it was.
set -u
began=$(date +%s)
source=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "${POSENET_BUILD:-$source/build}" && pwd) || exit 2
bench="$build/bench/posenet-bench"
posenet="$build/tools/posenet"
python=${POSENET_PYTHON:-python3}
commit=${POSENET_COMMIT:-}
if [ -z "$commit" ]; then
    commit=$(git -C "$source" rev-parse --short HEAD 2>/dev/null || echo unknown)
    [ -z "$(git -C "$source" status --porcelain --untracked-files=no 2>/dev/null)" ] || commit=$commit-changed
fi
out=${POSENET_RESULTS:-$source/bench/results/$(date -u +%Y-%m-%d)-$commit}
cache=${POSENET_BENCH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/posenet-bench}
export TORCHINDUCTOR_CACHE_DIR="$cache/inductor" TRITON_CACHE_DIR="$cache/triton" \
    JAX_COMPILATION_CACHE_DIR="$cache/jax" JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 \
    JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES=0 POSENET_CACHE="$cache/posenet"
mkdir -p "$POSENET_CACHE" "$cache/models" || exit 2
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$out" || exit 2
failures=0 left=0
row_seconds=${POSENET_ROW_SECONDS:-100}

# A rendered picture with people in it; without Pillow the bench draws its own, without people.
frame=''
if "$python" - "$source/tools/demo/samples/three_on_grass.jpg" "$scratch/frame.ppm" <<'FRAME'
import sys
try:
    from PIL import Image
except ImportError:
    sys.exit(1)
Image.open(sys.argv[1]).convert('RGB').crop((0, 60, 640, 420)).resize((1280, 720)).save(sys.argv[2])
FRAME
then
    frame="--frame $scratch/frame.ppm"
else
    echo 'no Pillow: frames are drawn and have no people' >&2
fi

# late NAME: whether there is no time left for it.
late() {
    [ -n "${POSENET_SECONDS:-}" ] && [ $(($(date +%s) - began)) -ge "$POSENET_SECONDS" ] || return 1
    echo "$1: no time left"
    left=$((left + 1))
}

# measure NAME OPTIONS...: one record, OUT/NAME.json, and its table on stdout.
measure() {
    name=$1
    shift
    if [ -s "$out/$name.json" ] || late "$name"; then return; fi
    start=$(date +%s)
    # shellcheck disable=SC2086
    timeout -k 5 $((2 * row_seconds)) "$bench" --peers "$source/bench/peers" --python "$python" --commit "$commit" \
        --seconds "$row_seconds" --timeout $(((row_seconds + 1) / 2)) --json "$out/$name.json" $frame "$@" </dev/null || {
        echo "$name: posenet-bench exits $?" >&2
        failures=$((failures + 1))
    }
    echo "$name: $(($(date +%s) - start)) s"
    echo
}

# model ARCHITECTURE STRIDE [MULTIPLIER]: made once; its path in $made, a word for it in $word. Batch norm is
# folded for everyone, and pads are explicit, since ONNX Runtime refuses SAME with dilation.
model() {
    word=$1_s$2
    [ -z "${3:-}" ] || word=$1_$3_s$2
    made=$cache/models/$commit/$word.onnx
    [ -e "$made" ] && return
    mkdir -p "$cache/models/$commit" || exit 2
    # shellcheck disable=SC2086
    "$posenet" generate "$1" --stride "$2" ${3:+--multiplier $3} --seed 1 --dialect torch-bn \
        "$scratch/raw_$word.onnx" && "$posenet" convert "$scratch/raw_$word.onnx" "$scratch/$word.onnx" &&
        mv "$scratch/$word.onnx" "$made" || exit 2
    rm -f "$scratch/raw_$word.onnx"
}

demo=$source/tools/demo/posenet_demo_mobilenet_v1_075_stride16.onnx

part_cpu() {
    for threads in 1 2; do
        measure "cpu_mobilenet_257_t$threads" --device cpu --model "$demo" --size 257x257 \
            --threads $threads --rounds 15 --iterations 12
        measure "cpu_mobilenet_513_t$threads" --device cpu --model "$demo" --size 513x513 \
            --threads $threads --rounds 15 --iterations 6
        measure "cpu_mobilenet_frame_257_t$threads" --device cpu --model "$demo" --size 257x257 \
            --threads $threads --rounds 11 --iterations 8 --measure frame
        model resnet50 16
        measure "cpu_resnet50_257_t$threads" --device cpu --model "$made" --size 257x257 \
            --threads $threads --rounds 11 --iterations 3
        measure "cpu_resnet50_513_t$threads" --device cpu --model "$made" --size 513x513 \
            --threads $threads --rounds 7 --iterations 2
    done
    measure cpu_mobilenet_roofline --roofline --device cpu --model "$demo" --size 513x513
    measure cpu_mobilenet_sweep --sweep sizes --device cpu --model "$demo" --rounds 5 --iterations 4
}

# Rows of the CUDA tables, dearest question first: ARCHITECTURE STRIDE MULTIPLIER|- SIZE BATCH WHO.
rows_network='
resnet50 16 - 257x257 1 all
mobilenet_v1 16 0.75 257x257 1 all
resnet50 16 - 1281x721 1 most
mobilenet_v1 16 1.00 1281x721 1 most
resnet50 16 - 257x257 64 most
mobilenet_v1 16 0.75 257x257 64 most
resnet50 32 - 257x257 1 most
mobilenet_v1 16 1.00 257x257 1 most
resnet50 16 - 513x513 1 most
mobilenet_v1 16 0.75 513x513 1 most
resnet50 32 - 257x257 64 most
resnet50 16 - 1281x721 8 most'
rows_frame='
mobilenet_v1 16 0.75 257x257 1 most
resnet50 16 - 1281x721 1 most
resnet50 16 - 257x257 1 most
mobilenet_v1 16 1.00 1281x721 1 most
resnet50 16 - 513x513 1 most
mobilenet_v1 16 0.75 513x513 1 most'

# runtimes WHO MEASURE: a value for --only. Most: without JAX, which takes several times as long as the others, and in
# frames without ONNX Runtime's NCHW, since letterbox and decoder are the same for both of its layouts. Those that were
# close to the fastest: enough for a repetition.
runtimes() {
    torch=pytorch-graph,pytorch-compile
    most=posenet-cuda,onnxruntime-cuda-nhwc,onnxruntime-tensorrt,tensorrt,$torch
    case $1-$2 in
    all-network) echo "$most,onnxruntime-cuda,jax-jit" ;;
    autotune-network) echo "posenet-cuda,pytorch-compile,pytorch-compile-autotune" ;;
    most-network) echo "$most,onnxruntime-cuda" ;;
    most-frame) echo "$most,pytorch-compile-gpu,pytorch-compile-gpu-single" ;;
    close-*) echo "posenet-cuda,$torch" ;;
    esac
}

# row MEASURE [SUFFIX] <<ROW: reads one row of the above and measures it. POSENET_BENCH_ONLY says which runtimes instead.
row() {
    read -r architecture stride multiplier size batch who || return
    [ "$multiplier" = - ] && multiplier=''
    model "$architecture" "$stride" "$multiplier"
    only=${POSENET_BENCH_ONLY:-$(runtimes "$who" "$1")}
    iterations=100
    [ "$batch" = 1 ] || iterations=20
    measure "cuda_${word}_${size}_b${batch}_$1${2:-}" --device cuda --precision fp16 --model "$made" --size "$size" \
        --batch "$batch" --measure "$1" --rounds 9 --iterations $iterations --pause 5 \
        --only "$only"
}

# every MEASURE ROWS [SUFFIX]
every() {
    echo "$2" | grep . >"$scratch/rows"
    while read -r line <&3; do
        row "$1" "${3:-}" <<ROW
$line
ROW
    done 3<"$scratch/rows"
}

# open_once FILE VARIANT: opens the case in $made, $size and $batch, so that what the rival compiles is kept.
open_once() {
    start=$(date +%s)
    printf '{"command":"open","model":"%s","width":%s,"height":%s,"batch":%s,"threads":2,"precision":"fp16"}\n' \
        "$made" "${size%x*}" "${size#*x}" "$batch" |
        timeout 75 "$python" "$source/bench/peers/$1" "$2" 2>/dev/null | cut -c1-160
    echo "$2 $word $size b$batch: $(($(date +%s) - start)) s"
}

# What rivals compile for the rows of the targets, all at once: none of them times anything here that is kept. Caches of
# Python's own modules are filled by the way.
part_warm() {
    echo "$rows_network" | grep . | head -n 6 >"$scratch/warm"
    while read -r architecture stride multiplier size batch who <&3; do
        [ "$multiplier" = - ] && multiplier=''
        model "$architecture" "$stride" "$multiplier"
        TORCHINDUCTOR_COMPILE_THREADS=4 open_once pytorch_peer.py pytorch-compile </dev/null &
        [ "$who" = most ] || open_once jax_peer.py jax-jit </dev/null &
    done 3<"$scratch/warm"
    wait
    # Which of a kernel's variants is fastest was told while others used the GPU: to be told again.
    find "$TORCHINDUCTOR_CACHE_DIR" -name '*.best_config' -delete 2>/dev/null
}

# The rows that bench/report.py holds against their targets.
part_targets() {
    every network "$(echo "$rows_network" | grep . | head -n 6)"
    every frame "$(echo "$rows_frame" | grep . | head -n 2)"
}

part_network() {
    every network "$rows_network"
}

part_frame() {
    every frame "$rows_frame"
}

# The same again, of those that were close: how far two runs lie apart.
part_repeat() {
    every network "$(echo "$rows_network" | grep . | sed -n '2,3{s/[a-z]*$/close/;p}')" _again
}

# The rows of the targets against torch.compile as its users get the most out of it.
part_autotune() {
    row_seconds=${POSENET_ROW_SECONDS:-240}
    every network "$(echo "$rows_network" | grep . | head -n 6 | sed 's/[a-z]*$/autotune/')" _autotune
}

# Frames in flight, of ours only.
part_slots() {
    for what in 'mobilenet_v1 16 0.75 257x257' 'mobilenet_v1 16 1.00 1281x721' 'resnet50 16 - 257x257'; do
        # shellcheck disable=SC2086
        set -- $what
        [ "$3" = - ] && set -- "$1" "$2" '' "$4"
        model "$1" "$2" "$3"
        measure "cuda_${word}_$4_slots" --sweep slots:1,2,4,8 --device cuda --only posenet-cuda --precision fp16 \
            --model "$made" --size "$4" --rounds 7 --iterations 200
    done
}

part_roofline() {
    for what in 'resnet50 16 - 257x257' 'resnet50 16 - 1281x721' 'mobilenet_v1 16 0.75 257x257' \
        'mobilenet_v1 16 1.00 1281x721'; do
        # shellcheck disable=SC2086
        set -- $what
        [ "$3" = - ] && set -- "$1" "$2" '' "$4"
        model "$1" "$2" "$3"
        measure "cuda_${word}_$4_roofline" --roofline --device cuda --only posenet-cuda --precision fp16 \
            --model "$made" --size "$4" --iterations 30
    done
}

part_cuda() {
    part_warm
    part_targets
    part_repeat
    part_slots
    part_roofline
}

[ $# -gt 0 ] || { set -- cpu; nvidia-smi -L >/dev/null 2>&1 && set -- cpu cuda; }
for part in "$@"; do
    case $part in
    cpu | cuda | warm | targets | repeat | slots | roofline | network | frame | autotune) "part_$part" ;;
    *) echo "$part: no part; the first lines of this file name them" >&2; exit 2 ;;
    esac
done
echo "$out: $failures failed, $left left out"
[ $failures = 0 ] && [ $left = 0 ]
