/* posenet: Google's PoseNet on CUDA, or on the CPU, from C. The one public header.
 *
 *   posenet_settings settings;
 *   posenet_default_settings(&settings, sizeof settings);
 *   settings.model = "posenet.onnx";
 *   posenet *engine = NULL;
 *   if (posenet_open(&engine, &settings) != POSENET_OK) { puts(posenet_last_error()); return 1; }
 *   posenet_image image = { .size = sizeof image, .data = pixels, .width = 640, .height = 480 };
 *   posenet_pose poses[5];
 *   int count = 0;
 *   posenet_estimate(engine, &image, 1, NULL, poses, &count);
 *   posenet_close(&engine);
 *
 * Every call returns a status; on failure posenet_last_error() has one sentence that says what and
 * where. Nothing exits, aborts or prints. Structs begin with their size in bytes, which the caller
 * sets to sizeof, so that they can grow: a shorter one from an older program means defaults for the
 * rest.
 *
 * Threads: a handle is used by one thread at a time; different handles by any threads at once.
 */
#ifndef POSENET_H
#define POSENET_H

#include <stddef.h>
#include <stdint.h>

#if defined(POSENET_STATIC)
#define POSENET_API
#elif defined(__GNUC__)
#define POSENET_API __attribute__((visibility("default")))
#else
#define POSENET_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define POSENET_VERSION_MAJOR 0
#define POSENET_VERSION_MINOR 1
#define POSENET_VERSION_PATCH 0

typedef struct posenet posenet;

typedef enum posenet_status {
    POSENET_OK = 0,
    POSENET_ERROR_ARGUMENT = 1,    /* the caller passed something that makes no sense */
    POSENET_ERROR_MEMORY = 2,      /* an allocation failed, on the host or on the device */
    POSENET_ERROR_FILE = 3,        /* a file is missing or cannot be read */
    POSENET_ERROR_MODEL = 4,       /* the model is damaged, contradicts itself, or is no PoseNet */
    POSENET_ERROR_UNSUPPORTED = 5, /* valid, but outside what this build or device computes */
    POSENET_ERROR_DEVICE = 6,      /* the device is missing, or one of its libraries failed */
    POSENET_ERROR_STATE = 7        /* the call does not fit what was called before it */
} posenet_status;

typedef enum posenet_device {
    POSENET_DEVICE_AUTO = 0, /* CUDA if the whole network can run there, else the CPU */
    POSENET_DEVICE_CPU = 1,
    POSENET_DEVICE_REF = 2, /* plain loops: slow, the definition of every result */
    POSENET_DEVICE_CUDA = 3
} posenet_device;

typedef enum posenet_precision {
    POSENET_PRECISION_DEFAULT = 0, /* fp16 on CUDA, fp32 elsewhere */
    POSENET_PRECISION_FP32 = 1,    /* true IEEE single precision */
    POSENET_PRECISION_TF32 = 2,
    POSENET_PRECISION_FP16 = 3 /* fp16 storage, fp32 accumulation */
} posenet_precision;

/* How 8-bit pixels become the network's input. AUTO: none if the graph scales its input before the
 * first convolution, mobilenet if it has depthwise convolutions, resnet if it starts with 7x7/2. */
typedef enum posenet_normalize {
    POSENET_NORMALIZE_AUTO = 0,
    POSENET_NORMALIZE_MOBILENET = 1, /* x / 127.5 - 1 */
    POSENET_NORMALIZE_RESNET = 2,    /* x + (-123.15, -115.90, -103.06) for R, G, B */
    POSENET_NORMALIZE_NONE = 3       /* 0..255 */
} posenet_normalize;

typedef enum posenet_wait_mode {
    POSENET_WAIT_SPIN = 0, /* lowest latency, one host core busy */
    POSENET_WAIT_BLOCK = 1 /* sleeps, the core is free: poses come about 0.05 ms later */
} posenet_wait_mode;

/* Whether rows are chosen by timing them on the device (once: the choice is kept on disk). */
typedef enum posenet_tune {
    POSENET_TUNE_AUTO = 0, /* on a GPU as kept on disk, else by timing; elsewhere by estimates */
    POSENET_TUNE_OFF = 1,  /* by estimates: opens fast, runs slower */
    POSENET_TUNE_ON = 2,   /* as AUTO on a GPU, on any device */
    POSENET_TUNE_AGAIN = 3 /* by timing, whatever is kept */
} posenet_tune;

/* What the tuner does, from within open and prepare. With total above 0, `text` is under way,
 * `done` of `total`; else it is one line about a row tried or a decision made. The text is the
 * library's.
 */
typedef void (*posenet_tune_report)(void *user, const char *text, int done, int total);

typedef enum posenet_format {
    POSENET_FORMAT_RGB = 0,
    POSENET_FORMAT_BGR = 1,
    POSENET_FORMAT_RGBA = 2, /* alpha is dropped, not blended */
    POSENET_FORMAT_BGRA = 3,
    POSENET_FORMAT_NV12 = 4 /* BT.601, limited range; even width and height */
} posenet_format;

typedef enum posenet_type { POSENET_TYPE_FP32 = 0, POSENET_TYPE_FP16 = 1 } posenet_type;

/* The four outputs, in the order that every array of heads has. */
typedef enum posenet_head {
    POSENET_HEAD_HEATMAP = 0,  /* 17 channels: logits, or scores where the graph has the sigmoid */
    POSENET_HEAD_OFFSET = 1,   /* 34: y of part k in channel k, x in k + 17; input pixels */
    POSENET_HEAD_FORWARD = 2,  /* 32: y of edge k in channel k, x in k + 16; from parent to child */
    POSENET_HEAD_BACKWARD = 3, /* 32: from child to parent */
    POSENET_HEADS = 4
} posenet_head;

enum {
    POSENET_PARTS = 17,
    POSENET_EDGES = 16,
    POSENET_MAX_POSES = 256,
    POSENET_MIN_SIDE = 33,
    POSENET_MAX_SIDE = 2049
};

/* Everything that open needs. Zero means the default everywhere. */
typedef struct posenet_settings {
    size_t size;
    const char *model; /* .onnx or TF.js model .json; posenet_open only */
    posenet_device device;
    int device_index;
    posenet_precision precision;
    posenet_normalize normalize;
    int width, height; /* of the network's input; 0: the file's fixed size, else 513 x 513. A side
                          that is not k * stride + 1 becomes floor(side / stride) * stride + 1 */
    int batch;         /* images a call takes at most; 0: what the file fixes, else 1 */
    int slots;         /* frames in flight; 0: 2 */
    int max_plans;     /* sizes kept ready, least recently used dropped; 0: 4 */
    int threads;       /* host threads of the CPU backend; 0: every core */
    int max_poses;     /* room for each image, 1..256; 0: 5 */
    posenet_wait_mode wait;
    int profile; /* time every step; see posenet_get_step and posenet_get_ledger */
    const char
        *heads[POSENET_HEADS]; /* output names where the file's own do not tell; NULL: by name */
    posenet_tune tune;
    const char *tune_folder; /* where choices are kept; NULL: $POSENET_CACHE, else the user's cache
                                folder for programs, /posenet below it; "": nowhere */
    posenet_tune_report tune_report; /* NULL: nothing is told */
    void *tune_user;
} posenet_settings;

/* How a call decodes; NULL in a call means posenet_default_decode_options. */
typedef struct posenet_decode_options {
    size_t size;
    int single;            /* 1: the best point of each part, exactly one pose, no threshold */
    int max_poses;         /* 1..settings.max_poses; 0: settings.max_poses */
    float score_threshold; /* 0..1, for root parts only */
    float nms_radius;      /* > 0, pixels of the network's input */
} posenet_decode_options;

/* An 8-bit picture. Only read, and only during the call (until wait, after submit). */
typedef struct posenet_image {
    size_t size;
    const void *data; /* top left pixel */
    int width, height;
    posenet_format format;
    size_t pitch;        /* bytes from row to row; 0: tightly packed */
    const void *chroma;  /* NV12: the U V plane; NULL: right below the luma rows */
    size_t chroma_pitch; /* 0: as pitch */
    int on_device;       /* 1: CUDA memory of the handle's device */
    int flip;            /* 1: mirrored camera: x becomes width - 1 - x */
    void *stream;        /* cudaStream_t that made the picture: it is waited for; NULL: ready now */
} posenet_image;

typedef struct posenet_keypoint {
    float x, y;  /* pixels of the source picture */
    float score; /* 0..1 */
} posenet_keypoint;

typedef struct posenet_pose {
    float score;
    posenet_keypoint keypoints[POSENET_PARTS]; /* in the order of posenet_part_name */
} posenet_pose;

/* A tensor of anyone's: element (n, y, x, c) lies at data + n*strides[0] + … + c*strides[3]
 * elements. */
typedef struct posenet_tensor {
    size_t size;
    void *data;
    posenet_type type;
    int dims[4];        /* n, height, width, channels */
    int64_t strides[4]; /* in elements; all zero: dense NHWC */
    int on_device;      /* 1: CUDA memory of the handle's device */
} posenet_tensor;

/* Bytes, launches and waits of the last frame, always exact; microseconds with settings.profile. */
typedef struct posenet_ledger {
    size_t size;
    int64_t bytes_up, bytes_down; /* over the bus; 0 on the CPU */
    int64_t bytes_staged;         /* copied into a pinned frame because the picture was pageable */
    int launches, waits;
    double upload_us, preprocess_us, network_us, decode_us, download_us;
} posenet_ledger;

/* One step of the current plan. Texts belong to the handle until the next prepare or close. */
typedef struct posenet_step_info {
    size_t size;
    const char *op;    /* "conv" */
    const char *row;   /* "conv_onednn": which implementation computes it */
    const char *nodes; /* the ONNX nodes it came from */
    int covered;       /* 1: computed together with the step before it, by the same row */
    posenet_type type; /* of its output */
    int dims[4];       /* of its output: n, height, width, channels */
    int64_t flops, bytes;
    double microseconds; /* of the last frame, with settings.profile */
    int variant;         /* which of the row's ways; 0: its own choice */
} posenet_step_info;

/* Fills `settings` (`size` bytes of it) with the defaults. */
POSENET_API void posenet_default_settings(posenet_settings *settings, size_t size);
POSENET_API void posenet_default_decode_options(posenet_decode_options *options, size_t size);

/* Reads the model, makes the plan for the settings' size, and gives the handle in *out (NULL on
 * failure). Everything in `settings` is copied. */
POSENET_API posenet_status posenet_open(posenet **out, const posenet_settings *settings);

/* The same from an ONNX model of `bytes` bytes in memory, which may be released afterwards. */
POSENET_API posenet_status posenet_open_memory(posenet **out, const void *model, size_t bytes,
                                               const posenet_settings *settings);

/* Makes (or finds) the plan for another input size and batch, and makes it the current one. 0 means
 * what the file fixes, else for a side 513 and for the batch settings.batch. No frame may be in
 * flight. On failure the plan from before stays current. */
POSENET_API posenet_status posenet_prepare(posenet *engine, int width, int height, int batch);

/* Input size of the current plan, the file's heatmap stride, and the batch; any pointer may be
 * NULL. */
POSENET_API posenet_status posenet_get_input(const posenet *engine, int *width, int *height,
                                             int *stride, int *batch);

/* Lends the next slot's frame buffer (pinned with CUDA), at least `bytes` long, to write or decode
 * a picture into and pass as posenet_image.data. Valid until that frame's wait, the next prepare,
 * or a longer one is asked for. */
POSENET_API posenet_status posenet_frame(posenet *engine, size_t bytes, void **out);

/* Poses of 1..batch pictures: those of picture i at poses[i * settings.max_poses], their number in
 * counts[i], by descending root score. No frame may be in flight. */
POSENET_API posenet_status posenet_estimate(posenet *engine, const posenet_image *images,
                                            int image_count, const posenet_decode_options *options,
                                            posenet_pose *poses, int *counts);

/* The same in two halves, with up to settings.slots frames between them. Results come in the order
 * of the submits. With every slot taken, or nothing submitted: POSENET_ERROR_STATE. On the CPU
 * submit computes at once, with CUDA it returns while the GPU works. */
POSENET_API posenet_status posenet_submit(posenet *engine, const posenet_image *images,
                                          int image_count, const posenet_decode_options *options);
POSENET_API posenet_status posenet_wait(posenet *engine, posenet_pose *poses, int *counts);

/* The network alone: a normalised input tensor in, heads out; a head whose data is NULL is skipped.
 * Dims must be the plan's; types and strides may be any. */
POSENET_API posenet_status posenet_infer(posenet *engine, const posenet_tensor *input,
                                         const posenet_tensor heads[POSENET_HEADS]);

/* The decoder alone, on four tensors of any runtime: poses in pixels of the network's input.
 * `stride` is input pixels per cell; `logits` 1 if the heatmap still needs the sigmoid. `engine`
 * may be NULL for host tensors. Room for `capacity` poses an image of the batch. */
POSENET_API posenet_status posenet_decode(posenet *engine,
                                          const posenet_tensor heads[POSENET_HEADS], int stride,
                                          int logits, const posenet_decode_options *options,
                                          int capacity, posenet_pose *poses, int *counts);

/* Head `which` of the last frame waited for (or of the last infer), copied out as fp32 into `data`
 * (NULL: only dims are wanted), dense NHWC, `capacity` elements long. dims is filled either way.
 * POSENET_ERROR_STATE if there is none, or its slot has been submitted to again. */
POSENET_API posenet_status posenet_get_head(posenet *engine, posenet_head which, int dims[4],
                                            float *data, size_t capacity);

/* POSENET_ERROR_STATE before the first frame. */
POSENET_API posenet_status posenet_get_ledger(const posenet *engine, posenet_ledger *ledger);
POSENET_API posenet_status posenet_get_step_count(const posenet *engine, int *count);
POSENET_API posenet_status posenet_get_step(const posenet *engine, int index,
                                            posenet_step_info *info);

/* "nose", "left_eye", …; NULL outside 0..16. */
POSENET_API const char *posenet_part_name(int part);

/* Which device the handle runs on in words: "cpu", "cuda:0 (NVIDIA H100)". */
POSENET_API const char *posenet_device_name(const posenet *engine);

/* One sentence about this thread's last failure, "" if there was none. */
POSENET_API const char *posenet_last_error(void);

/* "0.1.0" */
POSENET_API const char *posenet_version(void);

/* Waits for frames in flight, releases everything and nulls the handle; NULL and a null handle are
 * fine. */
POSENET_API void posenet_close(posenet **engine);

#ifdef __cplusplus
}
#endif
#endif
