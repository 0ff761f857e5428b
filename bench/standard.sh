#!/bin/sh
# The standard set of measurements, each kept as one JSON file for bench/report.py.
#
#   bench/standard.sh [cpu] [gpu]        nothing named: cpu, and gpu if there is one
#
# POSENET_BUILD is the build folder (default: build). Results go to POSENET_RESULTS (default:
# bench/results/DATE-COMMIT). The cpu part takes about four minutes on two cores that do nothing else; a
# machine that does something else makes every figure worthless, and the records say how busy it was.
set -u
source=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "${POSENET_BUILD:-$source/build}" && pwd) || exit 2
bench="$build/bench/posenet-bench"
posenet="$build/tools/posenet"
commit=$(git -C "$source" rev-parse --short HEAD 2>/dev/null || echo unknown)
[ -z "$(git -C "$source" status --porcelain --untracked-files=no 2>/dev/null)" ] || commit=$commit-changed
out=${POSENET_RESULTS:-$source/bench/results/$(date -u +%Y-%m-%d)-$commit}
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$out" || exit 2
failures=0

# A rendered picture with people in it; without Pillow the bench draws its own, without people.
frame=''
if python3 - "$source/tools/demo/samples/three_on_grass.jpg" "$scratch/frame.ppm" <<'FRAME'
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

# measure NAME OPTIONS...: one record, OUT/NAME.json, and its table on stdout.
measure() {
    name=$1
    shift
    # shellcheck disable=SC2086
    "$bench" --commit "$commit" --json "$out/$name.json" $frame "$@" || {
        echo "$name: posenet-bench exits $?" >&2
        failures=$((failures + 1))
    }
    echo
}

# model ARCHITECTURE STRIDE [MULTIPLIER]: made once; its path in $made, a word for it in $word. Batch norm is
# folded for everyone, and pads are explicit, since ONNX Runtime refuses SAME with dilation.
model() {
    word=$1_s$2
    [ -z "${3:-}" ] || word=$1_$3_s$2
    made=$scratch/$word.onnx
    [ -e "$made" ] && return
    # shellcheck disable=SC2086
    "$posenet" generate "$1" --stride "$2" ${3:+--multiplier $3} --seed 1 --dialect torch-bn \
        "$scratch/raw.onnx" && "$posenet" convert "$scratch/raw.onnx" "$made" || exit 2
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

# gpu_row ARCHITECTURE STRIDE MULTIPLIER|'' SIZE BATCH MEASURE
gpu_row() {
    model "$1" "$2" "$3"
    measure "gpu_${word}_$4_b$5_$6" --device cuda --precision fp16 --model "$made" --size "$4" \
        --batch "$5" --measure "$6" --rounds 7 --iterations 40 --pause 10
}

part_gpu() {
    gpu_row resnet50 32 '' 257x257 1 network
    for size in 257x257 513x513 1281x721; do
        for kind in network frame; do gpu_row resnet50 16 '' $size 1 $kind; done
    done
    for kind in network frame; do
        gpu_row mobilenet_v1 16 0.75 257x257 1 $kind
        gpu_row mobilenet_v1 16 0.75 513x513 1 $kind
        gpu_row mobilenet_v1 16 1.00 1281x721 1 $kind
    done
    gpu_row mobilenet_v1 16 1.00 257x257 1 network
    gpu_row resnet50 16 '' 257x257 64 network
    gpu_row resnet50 32 '' 257x257 64 network
    gpu_row mobilenet_v1 16 0.75 257x257 64 network
    gpu_row resnet50 16 '' 1281x721 8 network
}

[ $# -gt 0 ] || { set -- cpu; nvidia-smi -L >/dev/null 2>&1 && set -- cpu gpu; }
for part in "$@"; do
    case $part in
    cpu | gpu) "part_$part" ;;
    *) echo "$part: neither cpu nor gpu" >&2; exit 2 ;;
    esac
done
echo "$out: $failures failed"
[ $failures = 0 ]
