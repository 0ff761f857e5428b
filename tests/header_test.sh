# The public header compiles alone, as C and as C++, with every warning an error.
set -e
source=${POSENET_SOURCE:-$(dirname "$0")/..}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/alone.c" <<'END'
#include <posenet.h>
#include <posenet.h>
int main(void)
{
    posenet *engine = 0;
    posenet_settings settings;
    posenet_default_settings(&settings, sizeof settings);
    return posenet_open(&engine, &settings) == POSENET_OK;
}
END
cp "$work/alone.c" "$work/alone.cpp"
tried=0
compile() {
    compiler=$1
    shift
    command -v "$compiler" > "$work/which" || return 0
    "$compiler" -I"$source/engine" -Wall -Wextra -Wpedantic -Werror "$@" -o "$work/alone.o"
    tried=$((tried + 1))
}
for compiler in cc gcc clang; do
    compile $compiler -std=c11 -Wstrict-prototypes -c "$work/alone.c"
    compile $compiler -std=c99 -Wstrict-prototypes -c "$work/alone.c"
done
for compiler in c++ g++ clang++; do
    compile $compiler -std=c++11 -c "$work/alone.cpp"
    compile $compiler -std=c++20 -c "$work/alone.cpp"
done
[ $tried -ge 2 ] || { echo "skipped: no C and C++ compiler"; exit 77; }
echo "the header compiles alone in $tried ways"
