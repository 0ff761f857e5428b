/* Google's published PoseNet checkpoints. Paths are those that TF.js's PoseNet 2.2.2 builds; the
 * sizes follow from the architectures. */
#include "tools/checkpoints.h"

#include <stddef.h>
#include <string.h>

const checkpoint checkpoints[] = {
    {"posenet_mobilenet_v1_100_stride16", "mobilenet/float/100", 16, 4, 13.3},
    {"posenet_mobilenet_v1_100_stride16_quant2", "mobilenet/quant2/100", 16, 2, 6.6},
    {"posenet_mobilenet_v1_100_stride16_quant1", "mobilenet/quant1/100", 16, 1, 3.3},
    {"posenet_mobilenet_v1_100_stride8", "mobilenet/float/100", 8, 4, 13.3},
    {"posenet_mobilenet_v1_100_stride8_quant2", "mobilenet/quant2/100", 8, 2, 6.6},
    {"posenet_mobilenet_v1_100_stride8_quant1", "mobilenet/quant1/100", 8, 1, 3.3},
    {"posenet_mobilenet_v1_075_stride16", "mobilenet/float/075", 16, 4, 5.0},
    {"posenet_mobilenet_v1_075_stride16_quant2", "mobilenet/quant2/075", 16, 2, 2.5},
    {"posenet_mobilenet_v1_075_stride16_quant1", "mobilenet/quant1/075", 16, 1, 1.3},
    {"posenet_mobilenet_v1_075_stride8", "mobilenet/float/075", 8, 4, 5.0},
    {"posenet_mobilenet_v1_075_stride8_quant2", "mobilenet/quant2/075", 8, 2, 2.5},
    {"posenet_mobilenet_v1_075_stride8_quant1", "mobilenet/quant1/075", 8, 1, 1.3},
    {"posenet_mobilenet_v1_050_stride16", "mobilenet/float/050", 16, 4, 2.3},
    {"posenet_mobilenet_v1_050_stride16_quant2", "mobilenet/quant2/050", 16, 2, 1.2},
    {"posenet_mobilenet_v1_050_stride16_quant1", "mobilenet/quant1/050", 16, 1, 0.6},
    {"posenet_mobilenet_v1_050_stride8", "mobilenet/float/050", 8, 4, 2.3},
    {"posenet_mobilenet_v1_050_stride8_quant2", "mobilenet/quant2/050", 8, 2, 1.2},
    {"posenet_mobilenet_v1_050_stride8_quant1", "mobilenet/quant1/050", 8, 1, 0.6},
    {"posenet_resnet50_stride16", "resnet50/float", 16, 4, 94.9},
    {"posenet_resnet50_stride16_quant2", "resnet50/quant2", 16, 2, 47.4},
    {"posenet_resnet50_stride16_quant1", "resnet50/quant1", 16, 1, 23.7},
    {"posenet_resnet50_stride32", "resnet50/float", 32, 4, 94.9},
    {"posenet_resnet50_stride32_quant2", "resnet50/quant2", 32, 2, 47.4},
    {"posenet_resnet50_stride32_quant1", "resnet50/quant1", 32, 1, 23.7},
};
const int checkpoint_count = sizeof checkpoints / sizeof *checkpoints;

/* The first is of a copy that we have; the others were published by a project that bundles those
 * files. Everything else is recorded when it is first fetched. */
static const struct {
    const char *folder, *file, *sum;
} known_sums[] = {
    {"mobilenet/quant2/075", "group1-shard1of1.bin",
     "fa9f00dab1468f722f497c06f5c29f60ee3ad9eb1fa81499d0eb16d99290cbd8"},
    {"mobilenet/float/075", "model-stride16.json",
     "dd63bf2d3b983e8c80020749f135164beda00a33374c8a7be230b9598f24f798"},
    {"mobilenet/float/075", "group1-shard1of2.bin",
     "ce6afc62f89782d43139fab76c641b281a82dee2cd2759aa036c4b28aea16439"},
    {"mobilenet/float/075", "group1-shard2of2.bin",
     "2a35b8cfb86eb50928931e03dc30c0972fdd375f148b177ee40676b81a17692d"},
};

const char *checkpoint_sum(const checkpoint *c, const char *file)
{
    for (size_t i = 0; i < sizeof known_sums / sizeof *known_sums; i++)
        if (!strcmp(known_sums[i].folder, c->folder) && !strcmp(known_sums[i].file, file))
            return known_sums[i].sum;
    return NULL;
}
