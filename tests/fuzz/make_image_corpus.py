#!/usr/bin/env python3
"""Makes the picture fuzzer's seed corpus with Pillow: a tiny file of each kind that posenet reads.

  make_image_corpus.py [FOLDER]        default: corpus/image beside this file

The files are inputs of the fuzzer and are kept in git; this only has to run when the list changes.
"""
import pathlib
import sys

from PIL import Image

folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / 'corpus' / 'image')
folder.mkdir(parents=True, exist_ok=True)
picture = Image.new('RGB', (9, 7))
picture.putdata([(28 * x, 36 * y, 200 - 10 * x) for y in range(7) for x in range(9)])
exif = Image.Exif()
exif[0x0112] = 6

for mode in ('L', 'RGB', 'CMYK'):
    picture.convert(mode).save(folder / ('%s.jpg' % mode.lower()), quality=60)
picture.save(folder / 'progressive.jpg', progressive=True, quality=60)
picture.save(folder / 'turned.jpg', exif=exif, quality=60)
picture.save(folder / 'halved.jpg', subsampling=2, quality=60)
for mode in ('1', 'L', 'LA', 'P', 'RGB', 'RGBA', 'I;16'):
    converted = picture.convert('L').convert('I').convert('I;16') if mode == 'I;16' else picture.convert(mode)
    converted.save(folder / ('%s.png' % mode.lower().replace(';', '_')))
picture.save(folder / 'turned.png', exif=exif)
