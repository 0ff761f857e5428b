#!/usr/bin/env python3
"""ONNX's own operator tests, for every operator that the loader knows, on ref, on cpu and folded.

The tests come with the PyPI package `onnx`: as files, or, in newer versions, as Python code that makes
them. Those count that have no other operators than ours. Each must pass all three ways, or be listed in
onnx_operators/exceptions.txt with its reason; a listed test that passes is an error, too, and so is a
line that fits no test.

  onnx_operators_test.py [NAME-PATTERN]      judges only those tests, and prints every result
"""
import fnmatch
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

OPERATORS = set("""Add BatchNormalization Cast Ceil Clip Concat Constant ConstantOfShape Conv Div Dropout Expand
    Flatten Floor Gather Identity Max MaxPool Min Mul Pad Relu Reshape Resize Shape Sigmoid Slice Split Sqrt
    Squeeze Sub Transpose Unsqueeze Upsample""".split())
HERE = pathlib.Path(__file__).resolve().parent
FEWEST = 250  # tests that must be found: an empty list is no success

try:
    import onnx
    import onnx.numpy_helper
except ImportError:
    print("skipped: Python's package onnx is not installed")
    sys.exit(77)


def is_ours(model):
    return all(node.op_type in OPERATORS and node.domain in ("", "ai.onnx") for node in model.graph.node)


def write_tensor(path, array, name):
    if isinstance(array, onnx.TensorProto):
        tensor = array
    else:
        tensor = onnx.numpy_helper.from_array(array, name)
    path.write_bytes(tensor.SerializeToString())


def write_case(case, folder):
    """A test made by Python, in the files that other versions ship."""
    folder.mkdir()
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    for number, (inputs, outputs) in enumerate(case.data_sets):
        data = folder / f"test_data_set_{number}"
        data.mkdir()
        for i, array in enumerate(inputs):
            write_tensor(data / f"input_{i}.pb", array, case.model.graph.input[i].name)
        for i, array in enumerate(outputs):
            write_tensor(data / f"output_{i}.pb", array, case.model.graph.output[i].name)


def make_cases(room):
    """Folders of the tests that Python code makes."""
    from onnx.backend.test.case import node
    folders = []
    for case in node.collect_testcases(None):
        if not is_ours(case.model) or case.name.startswith("test_castlike"):  # CastLike's, as Cast
            continue
        folder = room / case.name
        try:
            write_case(case, folder)
        except AttributeError:  # sequences and optionals are no arrays: the runner misses their files
            pass
        folders.append(folder)
    return folders


def find_cases(room):
    data = pathlib.Path(onnx.__file__).parent / "backend/test/data"
    folders = [f for kind in ("node", "pytorch-converted", "pytorch-operator") for f in sorted(data.glob(f"{kind}/*"))
               if (f / "model.onnx").exists() and is_ours(onnx.load(f / "model.onnx"))
               and not f.name.startswith("test_castlike")]
    if not (data / "node").exists():
        folders += make_cases(room)
    return folders


def read_exceptions():
    """Pattern -> the ways that must fail."""
    exceptions = {}
    for line in (HERE / "onnx_operators/exceptions.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            pattern, _, only_run = line.split(":", 1)[0].strip().partition(" ")
            exceptions[pattern] = ("ref", "cpu") if only_run == "(run)" else ("ref", "cpu", "fold")
    return exceptions


def run(folders):
    """Test name -> {way: sentence, "" if it passed}."""
    program = pathlib.Path(os.environ.get("POSENET_BUILD", "build")) / "tests/onnx_operators/onnx_operators"
    done = subprocess.run([program, *folders], stdout=subprocess.PIPE, text=True, errors="replace")
    if done.returncode != 0:
        print(done.stdout[-500:])
        sys.exit(f"{program}: exit status {done.returncode} after the tests above")
    results = {}
    for line in done.stdout.splitlines():
        name, way, verdict, sentence = line.split("\t", 3)
        results.setdefault(name, {})[way] = "" if verdict == "ok" else sentence
    return results


def judge(results, exceptions, everything):
    """The errors, as sentences."""
    errors, used = [], set()
    for name, ways in results.items():
        listed = [pattern for pattern in exceptions if fnmatch.fnmatchcase(name, pattern)]
        used.update(listed)
        for way, sentence in ways.items():
            expected = [pattern for pattern in listed if way in exceptions[pattern]]
            if sentence and not expected:
                errors.append(f"{name}, {way}: {sentence}")
            if expected and not sentence:
                errors.append(f"{name}, {way}: passes, but {expected[0]} is listed as an exception")
    if everything:
        errors += [f"the exception {pattern} fits no test" for pattern in exceptions if pattern not in used]
    return errors, sum(1 for ways in results.values() if not any(ways.values()))


def main():
    warnings.filterwarnings("ignore")
    wanted = sys.argv[1] if len(sys.argv) > 1 else "*"
    with tempfile.TemporaryDirectory() as room:
        folders = [f for f in find_cases(pathlib.Path(room)) if fnmatch.fnmatchcase(f.name, wanted)]
        results = run(folders)
    exceptions = read_exceptions()
    if wanted != "*":
        for name, ways in results.items():
            print(*(f"{name}, {way}: {sentence or 'ok'}" for way, sentence in ways.items()), sep="\n")
    errors, passed = judge(results, exceptions, wanted == "*")
    if wanted == "*" and len(results) < FEWEST:
        errors.append(f"only {len(results)} tests were found in onnx {onnx.__version__}")
    for error in errors:
        print(error)
    print(f"onnx {onnx.__version__}: {len(results)} tests, {passed} pass on ref, cpu and folded, "
          f"{len(results) - passed} do not, {len(errors)} errors")
    sys.exit(1 if errors else 0)


main()
