#!/bin/sh
# Everything that needs a GPU, in one call: checks first, then figures.
#
#   bench/gpu_session.sh OUT PART...
#
# PART: check (every CUDA row against ref; the decoders), ways (every way of every row, rows side by side: about a minute
# on 16 cores), poses (against golden data), validate (step by step), resnet (heads against ref), memcheck, racecheck,
# initcheck, synccheck (compute-sanitizer's tools, row by row), faults, soak, speed, counters (what the profiler, ncu, reads of every kernel;
# COUNTED may name models as speed does, with a size: resnet50_16:257x257x64). Parts may run side by side, each with an OUT
# of its own; soak (it watches the device's memory) and speed want the GPU to themselves.
# Builds nothing: POSENET_BUILD is a build folder, POSENET_SHARED has images/, golden/ and tools/,
# POSENET_MODELS the models; PRECISIONS may name some of fp32 tf32 fp16,
# KERNELS the rows (a pattern) that ways and sanitizers look at. Logs go to OUT, a table of results to stdout.
set -u
out=$1
shift
mkdir -p "$out"
failures=0

# cuDNN and cuBLASLt may live among Python's packages.
for lib in $(python3 -c 'import site; print("\n".join(site.getsitepackages()))' 2>/dev/null); do
    for folder in "$lib"/nvidia/cudnn/lib "$lib"/nvidia/cu13/lib; do
        [ -d "$folder" ] && LD_LIBRARY_PATH="$folder:${LD_LIBRARY_PATH:-}"
    done
done
export LD_LIBRARY_PATH POSENET_MODELS POSENET_SHARED

kernel_check="$POSENET_BUILD/tests/kernel_check/kernel_check"
checks="$POSENET_BUILD/tests/cuda"
posenet="$POSENET_BUILD/tools/posenet"
compare="$POSENET_SHARED/tools/compare_poses.py"

# report NAME STATUS: one line about the step whose output is OUT/NAME.txt.
report() {
    [ "$2" = 0 ] || failures=$((failures + 1))
    printf '%-36s exit %d: %s\n' "$1" "$2" "$(tail -n 1 "$out/$1.txt")"
}

# step NAME SECONDS COMMAND...: the command's output in OUT/NAME.txt, one line here.
step() {
    name=$1 limit=$2
    shift 2
    timeout "$limit" "$@" >"$out/$name.txt" 2>&1
    report "$name" $?
}

# beside NAME SECONDS COMMAND...: as step, beside others; meet waits for them all.
met=''
beside() {
    name=$1 limit=$2
    shift 2
    (
        timeout "$limit" "$@" >"$out/$name.txt" 2>&1
        echo $? >"$out/$name.status"
    ) &
    met="$met $name"
}

meet() {
    wait
    for name in $met; do report "$name" "$(cat "$out/$name.status")"; done
    met=''
}

# Names of the CUDA rows.
rows() {
    "$kernel_check" --list | sed -n 's/^\([a-z0-9_]*_\(cuda\|cublaslt\|cudnn\)\): .*/\1/p' | sort -u | grep -e "${KERNELS:-_}"
}

part_ways() {
    for row in $(rows); do beside "ways_$row" 300 "$kernel_check" --filter "$row" --ways; done
    meet
}

part_check() {
    step decode 120 "$checks/decode_check"
    step infer 60 "$checks/infer_check"
    step kernels 240 "$kernel_check" --filter cu
}

# The golden pictures of one folder at one precision:
# GOLDEN MODEL PRECISION HEADS single|several COMPARE-OPTIONS...
poses() {
    golden=$1 model=$2 precision=$3 heads=$4 mode=$5
    shift 5
    got="$out/poses_${golden}_${precision}_$mode"
    single=''
    [ "$mode" = single ] && single=--single
    mkdir -p "$got"
    for size in 257x257 513x513 641x481; do
        set_of=''
        for want in "$POSENET_SHARED/golden/$golden"/*."$size".json; do
            [ -e "$want" ] || continue
            set_of="$set_of $POSENET_SHARED/images/$(basename "$want" ".$size.json").jpg"
        done
        [ -n "$set_of" ] || continue
        # shellcheck disable=SC2086
        "$posenet" run --device cuda --precision "$precision" --model "$model" --size "$size" \
            --max-poses 10 $heads $single --json "$got/all.$size" $set_of || return 1
        python3 - "$got" "$size" <<'SPLIT' || return 1
import json, os, sys
got, size = sys.argv[1:]
found = json.load(open(f'{got}/all.{size}'))
for one in found if isinstance(found, list) else [found]:
    name = os.path.basename(one['image']).rsplit('.', 1)[0]
    json.dump(one, open(f'{got}/{name}.{size}.json', 'w'))
SPLIT
    done
    # shellcheck disable=SC2086
    python3 "$compare" "$got" "$POSENET_SHARED/golden/$golden" $single "$@"
}

part_poses() {
    loose='--median 0.15 --max 1 --score 0.1 --overall-median 0.05 --overall-p98 0.5'
    for precision in ${PRECISIONS:-fp32 tf32 fp16}; do
        limits=''
        [ $precision = fp32 ] || limits=$loose
        for mode in several single; do
            # shellcheck disable=SC2086
            poses onnxruntime posenet_mobilenet_v1_075_stride16 $precision '' $mode $limits \
                >"$out/poses_mobilenet_${precision}_$mode.txt" 2>&1
            report poses_mobilenet_${precision}_$mode $?
            # BodyPix's golden poses were decoded with its long-range offsets.
            # shellcheck disable=SC2086
            poses onnxruntime_bodypix_050 bodypix_mobilenet_v1_050_stride16 $precision \
                '--heads offset=long_offsets' $mode $limits \
                >"$out/poses_bodypix_${precision}_$mode.txt" 2>&1
            report poses_bodypix_${precision}_$mode $?
        done
    done
    step profile 60 "$posenet" run --device cuda --profile --size 257x257 --json /dev/null \
        --model posenet_mobilenet_v1_075_stride16 "$POSENET_SHARED/images/couple.jpg"
}

part_validate() {
    for precision in ${PRECISIONS:-fp32 tf32 fp16}; do
        for model in posenet_mobilenet_v1_075_stride16 bodypix_mobilenet_v1_050_stride16; do
            step "validate_${model%%_*}_$precision" 100 "$posenet" validate $model --device cuda \
                --precision $precision --size 257x257
        done
    done
}

# Heads of generated ResNets against the plain C reference, as norm of difference over norm.
part_resnet() {
    for stride in 16 32; do
        model="$out/resnet50_$stride.onnx"
        "$posenet" generate resnet50 --stride $stride --seed 1 "$model" || return
        "$posenet" run --device ref --model "$model" --size 257x257 --heads-out "$out/heads_ref" \
            --json /dev/null "$POSENET_SHARED/images/couple.jpg"
        for precision in ${PRECISIONS:-fp32 tf32 fp16}; do
            "$posenet" run --device cuda --precision $precision --model "$model" --size 257x257 \
                --heads-out "$out/heads_$precision" --profile --json /dev/null \
                "$POSENET_SHARED/images/couple.jpg" >"$out/profile_resnet50_${stride}_$precision.txt" 2>&1
            limit=2e-2
            [ $precision = fp32 ] && limit=1e-4
            step "resnet50_${stride}_$precision" 60 python3 - "$out/heads_$precision" \
                "$out/heads_ref" $limit <<'NORMS'
import os, sys
import numpy as np
got, want, limit = sys.argv[1], sys.argv[2], float(sys.argv[3])
texts, worst = [], 0
for name in sorted(os.listdir(want)):
    a, b = np.load(f'{got}/{name}').astype(float), np.load(f'{want}/{name}').astype(float)
    ratio = np.linalg.norm(a - b) / np.linalg.norm(b)
    worst = max(worst, ratio if np.isfinite(ratio) else 9e9)
    texts.append(f'{name[:-4]} {ratio:.2e}')
print(', '.join(texts), f'limit {limit:g}')
sys.exit(int(worst > limit))
NORMS
        done
        rm -f "$model"
    done
}

part_faults() {
    step faults 300 "$checks/fault_check" "${FAULT_STEP:-41}"
}

part_soak() {
    step soak 300 "$checks/soak_check" "${SOAK_FRAMES:-100000}"
}

# OUT/NAME.onnx, where NAME is resnet50_STRIDE or mobilenet_v1_MULTIPLIER_STRIDE.
generate() {
    network=${1%_*} multiplier=''
    case $network in
    mobilenet_v1_075) network=mobilenet_v1 multiplier='--multiplier 0.75' ;;
    mobilenet_v1_100) network=mobilenet_v1 multiplier='--multiplier 1.00' ;;
    esac
    # shellcheck disable=SC2086
    "$posenet" generate $network --stride "${1##*_}" $multiplier --seed 1 "$out/$1.onnx"
}

# Network alone and whole frame, for the rows of which rivals' figures are known.
part_speed() {
    for model in resnet50_16 mobilenet_v1_100_16 mobilenet_v1_075_16 resnet50_32; do
        generate $model || return
        for precision in fp16 tf32 fp32; do
            sizes='257x257'
            [ $precision = fp16 ] && sizes='257x257 513x513 1281x721 257x257x64 1281x721x8'
            # shellcheck disable=SC2086
            step "times_${model}_$precision" 60 "$checks/gpu_times" "$out/$model.onnx" $precision $sizes
            cat "$out/times_${model}_$precision.txt"
        done
        rm -f "$out/$model.onnx"
    done
}

# Rows are chosen before, since the profiler runs every kernel many times; clocks stay as they are.
part_counters() {
    for case in ${COUNTED:-resnet50_16:257x257 mobilenet_v1_075_16:257x257 mobilenet_v1_075_16:257x257x64}; do
        model=${case%:*} size=${case#*:}
        generate "$model" || return
        frames="$checks/gpu_times $out/$model.onnx fp16 $size"
        $frames >"$out/tuned_${model}_$size.txt" 2>&1
        timeout 200 ncu --clock-control none --cache-control none --csv --page details --print-details all \
            --section SpeedOfLight --section ComputeWorkloadAnalysis --section Occupancy --section WarpStateStats \
            --launch-count 90 $frames >"$out/ncu_${model}_$size.csv" 2>&1
        python3 "$(dirname "$0")/counters.py" 90 <"$out/ncu_${model}_$size.csv" \
            >"$out/counters_${model}_$size.txt" 2>&1
        report "counters_${model}_$size" $?
        rm -f "$out/$model.onnx"
    done
}

# Every kernel of ours over the small cases, and a run of each model: with cuDNN and cuBLASLt, and with
# our own rows alone, where a finding can only be ours (tests/cuda/initcheck_case.cu says why). The
# model's rows are chosen before, since a watched tuner would take hours.
sanitize() {
    tool=$1
    watch="compute-sanitizer --tool $tool --error-exitcode 9"
    own=$(printf %s "$LD_LIBRARY_PATH" | tr : '\n' | grep -v /nvidia/ | paste -sd:)
    for model in posenet_mobilenet_v1_075_stride16 bodypix_mobilenet_v1_050_stride16; do
        plain="$posenet run --device cuda --json /dev/null --model $model --size 65x65"
        plain="$plain $POSENET_SHARED/images/couple.jpg"
        $plain >"$out/tuned_${model%%_*}.txt" 2>&1
        beside "${tool}_${model%%_*}" 60 $watch $plain
        beside "${tool}_${model%%_*}_own" 60 env LD_LIBRARY_PATH="$own" $watch $plain --tune off
    done
    meet
    beside "${tool}_decode" 100 $watch "$checks/decode_check" --sets 42
    for row in $(rows | grep _cuda); do
        beside "${tool}_$row" 300 $watch "$kernel_check" --filter "$row" --skip layer
    done
    meet
}
part_memcheck() { sanitize memcheck; }
part_racecheck() {
    sanitize racecheck
    compute-sanitizer --tool racecheck "$checks/racecheck_case" >"$out/racecheck_case.txt" 2>&1
    cat "$out/racecheck_case.txt"
}
part_initcheck() { sanitize initcheck; }
part_synccheck() { sanitize synccheck; }

for part in "$@"; do
    "part_$part"
done
echo "$failures failures"
[ $failures = 0 ]
