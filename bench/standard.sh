#!/bin/sh
# The standard set of measurements, each kept as one JSON file for bench/report.py.
#
#   bench/standard.sh [cpu] [cuda] [PART...]     nothing named: cpu, and cuda if there is a GPU
#
# cuda is the parts  warm targets repeat slots roofline  in turn, under ten minutes. More rows of the tables are the parts
# warm_rest network frame, nine minutes; autotune is another one (torch.compile's autotuning takes minutes a network).
# Each can be named alone. A record that is there already is not made again, so a run that was cut short goes on where
# it stopped when it is started again.
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
# What is compiled was so in the part warm: processes that would help only keep cores busy.
export TORCHINDUCTOR_COMPILE_THREADS=1
mkdir -p "$POSENET_CACHE" "$cache/models" || exit 2
# Python keeps the rivals' bytecode, which packages may lack: beside their sources, or here where it cannot.
unset PYTHONDONTWRITEBYTECODE
"$python" -c 'import os, numpy; raise SystemExit(not os.access(os.path.dirname(numpy.__file__), os.W_OK))' \
    2>/dev/null || export PYTHONPYCACHEPREFIX="$cache/bytecode"
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
# frames without ONNX Runtime's NCHW, since letterbox and decoder are the same for both of its layouts.
runtimes() {
    most=posenet-cuda,onnxruntime-cuda-nhwc,onnxruntime-tensorrt,tensorrt,pytorch-graph,pytorch-compile
    case $1-$2 in
    all-network) echo "$most,onnxruntime-cuda,jax-jit" ;;
    autotune-network) echo "posenet-cuda,pytorch-compile,pytorch-compile-autotune" ;;
    most-network) echo "$most,onnxruntime-cuda" ;;
    most-frame) echo "$most,pytorch-compile-gpu,pytorch-compile-gpu-single" ;;
    esac
}

# row MEASURE [SUFFIX] <<ROW: reads one row of the above and measures it. POSENET_BENCH_ONLY says which runtimes instead.
row() {
    read -r architecture stride multiplier size batch who || return
    [ "$multiplier" = - ] && multiplier=''
    model "$architecture" "$stride" "$multiplier"
    only=${POSENET_BENCH_ONLY:-$(runtimes "$who" "$1")}
    iterations=100
    [ "$1" = network ] || iterations=50 # rivals' frames take milliseconds
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

# open_once LAST COMMAND...: a worker opens the case in $made, $size and $batch, so that what it compiles or chooses
# once is kept. LAST is the last command that it gets: open or choose.
open_once() {
    last=$1
    shift
    start=$(date +%s)
    {
        printf '{"command":"open","model":"%s","width":%s,"height":%s,"batch":%s,"threads":2,"precision":"fp16"}\n' \
            "$made" "${size%x*}" "${size#*x}" "$batch"
        [ "$last" = open ] || echo '{"command":"choose"}'
    } | timeout 100 "$@" 2>/dev/null | cut -c1-160
    for name in "$@"; do :; done
    echo "$name $word $size b$batch: $(($(date +%s) - start)) s"
}

# warm MEASURE ROWS: what is made once, before anything is timed, for those that have no record of that measure yet. The
# models; Python's bytecode; what rivals compile, which all do at once and none runs; then what this engine chooses,
# with the GPU to itself.
warm() {
    peers=$source/bench/peers
    echo "$2" | grep . >"$scratch/rows"
    : >"$scratch/warm"
    while read -r architecture stride multiplier size batch who <&3; do
        row="$architecture $stride $multiplier $size $batch $who"
        [ "$multiplier" = - ] && multiplier=''
        model "$architecture" "$stride" "$multiplier"
        [ -s "$out/cuda_${word}_${size}_b${batch}_$1.json" ] || [ -e "$cache/models/$commit/${word}_${size}_b$batch" ] ||
            echo "$row" >>"$scratch/warm"
    done 3<"$scratch/rows"
    if [ ! -s "$scratch/warm" ] || late warm; then return; fi
    for peer in pytorch_peer.py:pytorch-compile onnxruntime_peer.py:onnxruntime-cuda jax_peer.py:jax-jit; do
        echo '{"command":"load"}' | timeout 100 "$python" "$peers/${peer%:*}" "${peer#*:}" >/dev/null 2>&1 &
    done
    wait
    echo "models and bytecode: $(($(date +%s) - began)) s since the start"
    while read -r architecture stride multiplier size batch who <&3; do
        [ "$multiplier" = - ] && multiplier=''
        model "$architecture" "$stride" "$multiplier"
        TORCHINDUCTOR_COMPILE_THREADS=4 open_once open "$python" "$peers/pytorch_peer.py" pytorch-compile &
        [ "$who" = all ] || continue
        open_once choose "$python" "$peers/jax_peer.py" jax-jit &
        open_once choose "$python" "$peers/onnxruntime_peer.py" onnxruntime-cuda-nhwc & # its files are read once
    done 3<"$scratch/warm"
    wait
    while read -r architecture stride multiplier size batch who <&3; do
        [ "$multiplier" = - ] && multiplier=''
        model "$architecture" "$stride" "$multiplier"
        late "tuning $word $size b$batch" && continue
        open_once open "$bench" --worker cuda
        : >"$cache/models/$commit/${word}_${size}_b$batch" # this one is warm
    done 3<"$scratch/warm"
}

first_rows() {
    echo "$rows_network" | grep . | head -n 6
}

part_warm() {
    warm network "$(first_rows)"
}

part_warm_rest() {
    warm network "$(echo "$rows_network" | grep . | tail -n +7)"
}

# The rows that bench/report.py holds against their targets.
part_targets() {
    every network "$(first_rows)"
    every frame "$(echo "$rows_frame" | grep . | head -n 2)"
}

part_network() {
    every network "$rows_network"
}

part_frame() {
    warm frame "$rows_frame"
    every frame "$rows_frame"
}

# The dearest two by the same command again: how far two runs lie apart.
part_repeat() {
    every network "$(first_rows | head -n 2)" _again
}

# The rows of the targets against torch.compile as its users get the most out of it.
part_autotune() {
    row_seconds=${POSENET_ROW_SECONDS:-240}
    every network "$(first_rows | sed 's/[a-z]*$/autotune/')" _autotune
}

# Frames in flight, of ours only.
part_slots() {
    for what in 'mobilenet_v1 16 0.75 257x257' 'mobilenet_v1 16 1.00 1281x721' 'resnet50 16 - 257x257'; do
        # shellcheck disable=SC2086
        set -- $what
        [ "$3" = - ] && set -- "$1" "$2" '' "$4"
        model "$1" "$2" "$3"
        measure "cuda_${word}_$4_slots" --sweep slots:1,2,4,8,16 --device cuda --only posenet-cuda --precision fp16 \
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
    for one in warm targets repeat slots roofline; do timed "$one"; done
}

# timed PART
timed() {
    part_start=$(date +%s)
    "part_$1"
    [ "$1" = cuda ] || echo "part $1: $(($(date +%s) - part_start)) s, $(($(date +%s) - began)) s since the start"
}

[ $# -gt 0 ] || { set -- cpu; nvidia-smi -L >/dev/null 2>&1 && set -- cpu cuda; }
for part in "$@"; do
    case $part in
    cpu | cuda | warm | warm_rest | targets | repeat | slots | roofline | network | frame | autotune) timed "$part" ;;
    *) echo "$part: no part; the first lines of this file name them" >&2; exit 2 ;;
    esac
done
echo "$out: $failures failed, $left left out"
[ $failures = 0 ] && [ $left = 0 ]
