"""The command line where no model is needed: help, versions, and every way to misuse it."""
import os

from command import Checks, png, run

NOTHING = {'POSENET_MODELS': ''}

with Checks() as check:
    # ---- help and version: stdout, exit 0
    for arguments in ((), ('--help',), ('-h',), ('help',)):
        text = check.good(*arguments).stdout
        for word in ('run', 'inspect', 'validate', '--version'):
            check(word in text, '%s lacks %s' % (arguments, word))
        check(all(len(line) <= 100 for line in text.splitlines()), 'lines over 100 wide')
    check(check.good('--version').stdout.startswith('posenet '), 'version')
    listed = {'run': ['--model FILE|NAME', '--device auto|cpu|ref|cuda[:N]', '--precision fp32|tf32|fp16',
                      '--size WxH', '--max-poses N', '--score-threshold', '--nms-radius', '--single',
                      '--normalize auto|mobilenet|resnet|none',
                      '--heads heatmap=NAME,offset=NAME,fwd=NAME,bwd=NAME', '--json FILE|-', '--annotate',
                      '--heads-out DIR', '--flip', '--profile', '--quiet', '--help', 'POSENET_MODELS', './models'],
              'inspect': ['--size', '--device', '--precision', '--json'],
              'validate': ['--size', '--device', '--precision', '--image']}
    for command, words in listed.items():
        text = check.good(command, '--help').stdout
        for word in words:
            check(word in text, '%s --help lacks %s' % (command, word))
    check.good('run', 'x.jpg', '--size', '--help')

    # ---- no such thing
    check.bad('did you mean run?', 'rnu')
    check.bad('posenet --help', 'frobnicate')
    check.bad('did you mean --device?', 'run', '--devise', 'cpu', 'x.png')
    check.bad('there is no option --zzzzzz', 'run', '--zzzzzz', 'x.png')
    check.bad('there is no option -x', 'run', '-x')
    check.bad('--annotate', 'inspect', 'm.onnx', '--annotate', 'x.png')

    # ---- every option's bad values
    for option in ('--model', '--device', '--precision', '--size', '--max-poses', '--score-threshold',
                   '--nms-radius', '--normalize', '--heads', '--json', '--annotate', '--heads-out'):
        check.bad(option + ' needs', 'run', 'x.png', option)
        check.bad(option + ' needs', 'run', option, '--quiet', 'x.png')
        check.bad(option + ' needs', 'run', option + '=', 'x.png')
    for option in ('--single', '--flip', '--profile', '--quiet'):
        check.bad(option + ' takes no value', 'run', option + '=1', 'x.png')
    values = {'--device': ('gpu', 'CPU', 'cpu:0', 'ref:1', 'cuda:', 'cuda:x', 'cuda:-1', 'cuda:1:2', 'cud', 'cuda:9999'),
              '--precision': ('fp64', 'int8', 'FP16', 'fp'),
              '--size': ('513', '513x', 'x513', '513X513', '513x513x3', ' 513x513', '+513x513', '-513x513', '513.0x513', 'axb',
                         '0x0', '32x513', '513x32', '2050x513', '513x2050', '99999999999999999999x513'),
              '--max-poses': ('0', '257', '-1', '5.0', '5x', 'five', '1e2', '99999999999999999999'),
              '--score-threshold': ('-0.1', '1.1', 'nan', 'inf', '0.5x', 'half', '0x1p-1'),
              '--nms-radius': ('0', '-3', 'nan', 'inf', '20px', '1e99', '-0'),
              '--normalize': ('yes', 'mobile', 'ResNet'),
              '--heads': ('heatmap', 'heatmap=', '=x', 'heat=x', 'heatmap=a,,bwd=b', 'heatmap=a,')}
    for option, bad_values in values.items():
        for value in bad_values:
            check.bad(option, 'run', option, value, 'x.png')
            check.bad(option, 'run', 'x.png', option + '=' + value)
    for command in ('inspect', 'validate'):
        for option in ('--device', '--precision', '--size'):
            check.bad(option, command, 'm.onnx', option, values[option][0])
        check.bad('one MODEL', command)
        check.bad('one MODEL', command, 'a.onnx', 'b.onnx')

    # ---- what does not go together, or is missing
    check.bad('no IMAGE', 'run')
    check.bad('no IMAGE', 'run', '--single')
    check.bad('must end in .png, .jpg or .jpeg', 'run', '--annotate', 'out.gif', 'x.png')
    check.bad("a picture's name", 'run', '--json', 'photo.jpg', 'x.png')
    here = png('here.png', 8, 8)
    check.bad('no model found', 'run', here, env=NOTHING)
    check.bad('./models', 'run', here, env=NOTHING)
    check.bad('no_such_model', 'run', '--model', 'no_such_model', here)
    check.bad('no_such_model', 'inspect', 'no_such_model')
    check.bad('no_such_model', 'validate', 'no_such_model')
    check.bad('no_such.png', 'validate', 'no_such_model', '--image', 'no_such.png')
    check.bad('?', 'run', '--model', 'new\nline\x1b[31m', here)

    # ---- damaged models
    os.mkdir('folder.onnx')
    contents = {'empty.onnx': b'', 'text.onnx': b'hello, world\n', 'zeros.onnx': bytes(4096),
                'ones.onnx': b'\xff' * 4096, 'noise.onnx': bytes((i * i * 31 + i // 7) % 256 for i in range(65536)),
                'deep.onnx': b'\x3a\x80\x80\x04' * 20000, 'empty.json': b'', 'brace.json': b'{', 'list.json': b'[' * 100000}
    for name, content in contents.items():
        with open(name, 'wb') as f:
            f.write(content)
    for name in list(contents) + ['folder.onnx']:
        for command in (('run', here, '--model', name), ('inspect', name), ('validate', name)):
            check.bad(name, *command)

    # ---- results that cannot be written
    with open('/dev/full', 'w') as full:
        import subprocess
        from command import POSENET
        r = subprocess.run([POSENET, '--help'], stdout=full, stderr=subprocess.PIPE, text=True)
        check(r.returncode == 2 and len(r.stderr.splitlines()) == 1, 'a full disk: %r' % (r,))
