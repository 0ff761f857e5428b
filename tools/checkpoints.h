/* Google's published PoseNet checkpoints: what there is, where, and what is known of the bytes. */
#ifndef POSENET_TOOLS_CHECKPOINTS_H
#define POSENET_TOOLS_CHECKPOINTS_H

/* The public storage, as TF.js's PoseNet 2.x has it in its source. */
#define CHECKPOINT_STORAGE "https://storage.googleapis.com/tfjs-models/savedmodel/posenet"

typedef struct checkpoint {
    const char *name;   /* of the folder that it is fetched into */
    const char *folder; /* below the storage; strides of one network share it, and its shards */
    int stride;
    int weight_bytes; /* 1, 2 or 4 */
    double megabytes; /* of weights */
} checkpoint;

/* Only what exists: MobileNet has no stride 32, ResNet50 no stride 8. */
extern const checkpoint checkpoints[];
extern const int checkpoint_count;

/* The SHA-256 of a file of the storage in hexadecimal, NULL if we do not know it. */
const char *checkpoint_sum(const checkpoint *c, const char *file);

#endif
