#!/bin/sh
# An install is complete: the README's program builds against it by pkg-config and by find_package, as
# C and as C++, and runs; the command runs from there. Also: the program stands in the README as it is.
set -eu
build=${POSENET_BUILD:?} source=${POSENET_SOURCE:?}
if grep -q '^POSENET_SANITIZE:BOOL=ON' "$build/CMakeCache.txt"; then
    echo 'skipped: a program without sanitizers cannot load a library that has them'
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
cmake --install "$build" --prefix "$prefix" >"$work/install.log"
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name posenet.pc)")
LD_LIBRARY_PATH=$(dirname "$(find "$prefix" -name 'libposenet.so')")
export LD_LIBRARY_PATH
find "$prefix/share/doc" -name LICENSE | grep -q . # which the licence itself asks for

# ---- by pkg-config
test "$(pkg-config --modversion posenet)" = "$("$prefix/bin/posenet" --version | cut -d' ' -f2)"
cc -std=c11 -Wall "$source/tests/example.c" -o "$work/example" $(pkg-config --cflags --libs posenet)
c++ -x c++ -Wall "$source/tests/example.c" -o "$work/example_cpp" $(pkg-config --cflags --libs posenet)

# ---- by find_package
mkdir "$work/user"
cat >"$work/user/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.16)
project(user C CXX)
find_package(posenet 0.1 REQUIRED)
add_executable(user_c example.c)
target_link_libraries(user_c posenet::posenet)
add_executable(user_cpp example.cpp)
target_link_libraries(user_cpp posenet::posenet)
END
cp "$source/tests/example.c" "$work/user/example.c"
cp "$source/tests/example.c" "$work/user/example.cpp"
generator=$(sed -n 's/^CMAKE_GENERATOR:INTERNAL=//p' "$build/CMakeCache.txt")
cmake -S "$work/user" -B "$work/user/build" -G "$generator" -DCMAKE_PREFIX_PATH="$prefix" >"$work/user.log"
cmake --build "$work/user/build" >>"$work/user.log"

# ---- only what the header declares is visible
nm -D --defined-only "$LD_LIBRARY_PATH/libposenet.so" | awk '{print $3}' | grep -v '^posenet_' >"$work/others" || true
if [ -s "$work/others" ]; then
    echo "symbols that no header declares:" && cat "$work/others"
    exit 1
fi

# ---- they run
"$build/tests/figure/figure" >"$work/figure.ppm"
model=
for candidate in "${POSENET_MODELS:-}"/posenet*.onnx "$source"/../shared/models/posenet*.onnx "$source"/tools/demo/*.onnx; do
    [ -z "$model" ] && [ -f "$candidate" ] && model=$candidate
done
for program in "$work/example" "$work/example_cpp" "$work/user/build/user_c" "$work/user/build/user_cpp"; do
    if "$program" no-such-model.onnx "$work/figure.ppm" 2>"$work/said"; then
        echo "$program: found people without a model"
        exit 1
    fi
    grep -q 'no-such-model.onnx' "$work/said"
    [ -z "$model" ] || "$program" "$model" "$work/figure.ppm" | grep 'nose at'
done

# ---- the installed command finds the installed demo model from anywhere
(cd "$work" && POSENET_MODELS='' "$prefix/bin/posenet" inspect posenet_demo_mobilenet_v1_075_stride16 >/dev/null)

# ---- the README shows this very program
awk '/^```c$/ {on = 1; next} /^```$/ {on = 0} on' "$source/README.md" >"$work/readme.c"
cmp "$work/readme.c" "$source/tests/example.c"
[ -n "$model" ] || { echo 'skipped: no model for the installed programs; everything else passed'; exit 77; }
