/* posenet: Google's PoseNet on CUDA, or on the CPU, from C and C++. The one public header.
 *
 *   posenet_settings settings;
 *   posenet_default_settings(&settings, sizeof settings);
 *   settings.model = "posenet.onnx";
 *   posenet *engine = NULL;
 *   if (posenet_open(&engine, &settings) != POSENET_OK) { puts(posenet_last_error()); return 1; }
 *   posenet_image image = {sizeof image, pixels, 640, 480};
 *   posenet_pose poses[5];
 *   int count = 0;
 *   posenet_estimate(engine, &image, 1, NULL, poses, &count);
 *   posenet_close(&engine);
 *
 * Errors     Every call that can fail returns a status. Then posenet_last_error() has one sentence
 *            that says what and where, and nothing has changed but where a call says so. Nothing
 *            exits, aborts or prints.
 * Structs    begin with their size in bytes, which the caller sets to sizeof; so they can grow. A
 *            shorter one, of an older program, means defaults for the rest. A longer one, of a
 * newer program, is refused where the library reads it, and filled up with zeros where it writes
 * it. All members after the size may stay zero, but for those of posenet_decode_options. Memory
 * What the caller passes stays the caller's. It is read during the call only, but for pictures
 * between submit and wait. What a call lends says how long it lasts. Threads    A handle is used by
 * one thread at a time, any thread; different handles by different threads at once. The sentence of
 * the last error is each thread's own. fork       A child must not use a CUDA handle of its parent.
 * On the CPU it may compute if the thread that forked had not yet; else POSENET_ERROR_STATE, but
 * for new threads of it. Pixels     (0, 0) is the centre of the top left pixel, x goes right, y
 * goes down.
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

/* A handle: a model, a device, and plans for some input sizes. From open to close. */
typedef struct posenet posenet;

/* The numbers never change. */
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
    POSENET_DEVICE_CPU = 1,  /* fp32 only */
    POSENET_DEVICE_REF = 2,  /* plain loops: slow, the definition of every result */
    POSENET_DEVICE_CUDA = 3
} posenet_device;

typedef enum posenet_precision {
    POSENET_PRECISION_DEFAULT = 0, /* fp16 on CUDA, fp32 elsewhere */
    POSENET_PRECISION_FP32 = 1,    /* true IEEE single precision */
    POSENET_PRECISION_TF32 = 2,    /* fp32 storage, products of 10-bit mantissas; CUDA only */
    POSENET_PRECISION_FP16 = 3     /* fp16 storage, fp32 accumulation; CUDA only */
} posenet_precision;

/* How 8-bit pixels become the network's input. AUTO: none if the graph scales its input before the
 * first convolution or takes integers, mobilenet if it has depthwise convolutions, resnet if it
 * starts with 7x7/2. Of integers it gets what resizing made of the pixels, not rounded. */
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

/* What the tuner does, called from within open and prepare by their thread. With total above 0,
 * `text` is under way, `done` of `total`; else it is one line about a row tried or a decision made.
 * The text lasts until it returns. It must not call this handle.
 */
typedef void (*posenet_tune_report)(void *user, const char *text, int done, int total);

/* How 8-bit pixels lie in memory, byte by byte. */
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
    POSENET_PARTS = 17,      /* keypoints of a pose */
    POSENET_EDGES = 16,      /* of the tree that joins them, root the nose */
    POSENET_MAX_POSES = 256, /* of one picture */
    POSENET_MIN_SIDE = 33,   /* of the network's input */
    POSENET_MAX_SIDE = 2049
};

/* Everything that open needs. Zero means the default everywhere, but for size. */
typedef struct posenet_settings {
    size_t size;       /* sizeof(posenet_settings) */
    const char *model; /* path of an .onnx or a TF.js model .json; posenet_open only */
    posenet_device device;
    int device_index; /* which CUDA device, from 0 */
    posenet_precision precision;
    posenet_normalize normalize;
    int width, height; /* of the network's input, 33..2049; 0: the file's fixed size, else 513. A
                          side that is not k * stride + 1 becomes floor(side / stride) * stride + 1,
                          unless the file fixes it; posenet_get_input tells */
    int batch;         /* images a call takes at most, 1..256; 0: what the file fixes, else 1 */
    int slots;         /* frames in flight, 1..64; 0: 2 */
    int max_plans;     /* sizes kept ready, 1..64, least recently used dropped; 0: 4 */
    int threads;       /* host threads of the CPU backend, 1..1024; 0: every core */
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

/* How a call decodes. NULL in a call means the defaults; else begin with
 * posenet_default_decode_options, since zero is a threshold here and no radius. */
typedef struct posenet_decode_options {
    size_t size;           /* sizeof(posenet_decode_options) */
    int single;            /* 1: the best point of each part, exactly one pose, no threshold; its
                              score is the mean of the 17 */
    int max_poses;         /* 1..settings.max_poses; 0: settings.max_poses */
    float score_threshold; /* 0..1, default 0.5; for the part that a person is found by */
    float nms_radius;      /* > 0, default 20: pixels of the network's input within which the same
                              part is the same person's */
} posenet_decode_options;

/* An 8-bit picture of any size: it is fitted into the network's input with its shape kept. Only
 * read, and only during the call (after submit: until wait). */
typedef struct posenet_image {
    size_t size;       /* sizeof(posenet_image) */
    const void *data;  /* top left pixel; NV12: of the luma plane */
    int width, height; /* 1..16384 */
    posenet_format format;
    size_t pitch;        /* bytes from row to row; 0: tightly packed */
    const void *chroma;  /* NV12: the U V plane, height / 2 rows; NULL: right below the luma rows */
    size_t chroma_pitch; /* 0: as pitch */
    int on_device;       /* 1: CUDA memory of the handle's device */
    int flip;            /* 1: a mirrored camera: x of the poses becomes width - 1 - x */
    void *stream;        /* cudaStream_t that made the picture: it is waited for; NULL: ready now */
} posenet_image;

typedef struct posenet_keypoint {
    float x, y;  /* pixels of the source picture, always finite; may lie outside of it */
    float score; /* 0..1 */
} posenet_keypoint;

/* A person. Of keypoints with low scores (hidden, outside) x and y are guesses. */
typedef struct posenet_pose {
    float score; /* 0..1: the sum of its keypoints' scores / 17, without those that lie
                    where an earlier pose of the picture has the same part */
    posenet_keypoint keypoints[POSENET_PARTS]; /* in the order of posenet_part_name */
} posenet_pose;

/* A tensor of anyone's: element (n, y, x, c) lies at
 *
 *   data + n * strides[0] + y * strides[1] + x * strides[2] + c * strides[3]   elements
 *
 * so an NCHW tensor has dims {n, h, w, c} and strides {c * h * w, w, 1, h * w}. */
typedef struct posenet_tensor {
    size_t size; /* sizeof(posenet_tensor), in every element of an array */
    void *data;
    posenet_type type;
    int dims[4];        /* n, height, width, channels */
    int64_t strides[4]; /* in elements; all zero: dense NHWC */
    int on_device;      /* 1: CUDA memory of the handle's device */
} posenet_tensor;

/* Bytes, launches and waits of the last frame, always exact; microseconds with settings.profile. */
typedef struct posenet_ledger {
    size_t size;                  /* sizeof(posenet_ledger) */
    int64_t bytes_up, bytes_down; /* over the bus; 0 on the CPU */
    int64_t bytes_staged;         /* copied into a pinned frame because the picture was pageable */
    int launches, waits;          /* of the host: graphs launched, times it waited for the device */
    double upload_us, preprocess_us, network_us, decode_us, download_us;
} posenet_ledger;

/* One step of the current plan. Texts belong to the handle until the next prepare or close. */
typedef struct posenet_step_info {
    size_t size;         /* sizeof(posenet_step_info) */
    const char *op;      /* "conv" */
    const char *row;     /* "conv_onednn": which implementation computes it */
    const char *nodes;   /* the ONNX nodes it came from */
    int covered;         /* 1: computed together with the step before it, by the same row */
    posenet_type type;   /* of its output */
    int dims[4];         /* of its output: n, height, width, channels; zeros where that is poses */
    int64_t flops;       /* a multiply-add counts 2 */
    int64_t bytes;       /* that it must at least move: inputs, weights and output once each */
    double microseconds; /* of the last frame, with settings.profile */
    int variant;         /* which of the row's ways; 0: its own choice */
} posenet_step_info;

/* ---- open and close -------------------------------------------------------------------------- */

/* Fills `size` bytes of `settings` with the defaults; give sizeof. NULL is fine. */
POSENET_API void posenet_default_settings(posenet_settings *settings, size_t size);

/* The same for decode options. */
POSENET_API void posenet_default_decode_options(posenet_decode_options *options, size_t size);

/* Reads the model, makes the plan for the settings' size, and gives the handle in *out (NULL on
 * failure), to be closed with posenet_close. Everything in `settings` is copied but tune_user.
 *
 * On a GPU the first open of a model, size and precision times its kernels, which takes seconds;
 * see posenet_tune. FILE: not there. MODEL: no PoseNet, or damaged. UNSUPPORTED: an operator, a
 * fixed size, a precision that the device lacks. DEVICE: no such GPU (never with AUTO). */
POSENET_API posenet_status posenet_open(posenet **out, const posenet_settings *settings);

/* The same from an ONNX model of `bytes` bytes in memory, which may be released afterwards.
 * settings.model is not looked at. */
POSENET_API posenet_status posenet_open_memory(posenet **out, const void *model, size_t bytes,
                                               const posenet_settings *settings);

/* Waits for frames in flight, releases everything and nulls the handle; NULL and a null handle are
 * fine. */
POSENET_API void posenet_close(posenet **engine);

/* ---- input size ------------------------------------------------------------------------------ */

/* Makes (or finds, then at no cost) the plan for another input size and batch, and makes it the
 * current one. 0 means what the file fixes, else for a side 513 and for the batch settings.batch.
 * STATE: frames are in flight. On failure the plan from before stays current. */
POSENET_API posenet_status posenet_prepare(posenet *engine, int width, int height, int batch);

/* Input size of the current plan, the file's heatmap stride (pixels per cell), and the batch; any
 * pointer but the handle may be NULL. */
POSENET_API posenet_status posenet_get_input(const posenet *engine, int *width, int *height,
                                             int *stride, int *batch);

/* ---- frames ---------------------------------------------------------------------------------- */

/* Poses of 1..batch pictures, of any sizes and formats: those of picture i from
 * poses[i * settings.max_poses] on, their number in counts[i], by descending score of the part they
 * were found by. No pose at all is no failure. Entries beyond counts[i] keep what they were.
 * STATE: frames are in flight. */
POSENET_API posenet_status posenet_estimate(posenet *engine, const posenet_image *images,
                                            int image_count, const posenet_decode_options *options,
                                            posenet_pose *poses, int *counts);

/* The same in two halves, with up to settings.slots frames between them. Results come in the order
 * of the submits; wait fills as many counts as its submit had pictures. The pictures must stay as
 * they are until then. On the CPU submit computes at once, with CUDA it returns while the GPU
 * works:
 *
 *   posenet_submit(engine, &first, 1, NULL);
 *   for (each next picture) {
 *       posenet_submit(engine, &next, 1, NULL);
 *       posenet_wait(engine, poses, &count);     of the picture before
 *   }
 *   posenet_wait(engine, poses, &count);
 *
 * STATE: every slot is taken (submit), nothing was submitted (wait). A frame that fails in wait is
 * over, too. */
POSENET_API posenet_status posenet_submit(posenet *engine, const posenet_image *images,
                                          int image_count, const posenet_decode_options *options);
POSENET_API posenet_status posenet_wait(posenet *engine, posenet_pose *poses, int *counts);

/* Lends the buffer of the slot that the next frame takes, at least `bytes` long (pinned with CUDA:
 * a picture there is uploaded without a copy), to write or decode a picture into and pass as
 * posenet_image.data. Valid until that frame's wait, the next prepare, or a longer one is asked
 * for. STATE: every slot is taken. */
POSENET_API posenet_status posenet_frame(posenet *engine, size_t bytes, void **out);

/* ---- parts of a frame ------------------------------------------------------------------------ */

/* The network alone: a normalised input tensor in (n, height, width, 3; RGB), heads out. Dims must
 * be the plan's, which posenet_get_input and posenet_get_head tell; types and strides may be any. A
 * head whose data is NULL is skipped. With device memory what is on the default stream comes first;
 * an input of the precision's type, dense and aligned to 256 bytes, is read where it lies from its
 * second call on. STATE: every slot is taken. */
POSENET_API posenet_status posenet_infer(posenet *engine, const posenet_tensor *input,
                                         const posenet_tensor heads[POSENET_HEADS]);

/* The decoder alone, on four tensors of any runtime: poses in pixels of the network's input, those
 * of image i from poses[i * capacity] on, capacity 1..256. `stride` is input pixels per cell;
 * `logits` 1 if the heatmap still needs the sigmoid. options.max_poses 0 means `capacity`. `engine`
 * may be NULL for host tensors; all four lie in host memory or all in device memory. */
POSENET_API posenet_status posenet_decode(posenet *engine,
                                          const posenet_tensor heads[POSENET_HEADS], int stride,
                                          int logits, const posenet_decode_options *options,
                                          int capacity, posenet_pose *poses, int *counts);

/* Head `which` of the last frame waited for (or of the last infer), copied out as fp32 into `data`
 * (NULL: only dims are wanted), dense NHWC. `capacity` is the room there in elements. dims is
 * filled either way; n is the plan's batch. STATE: there is none, or its slot has been submitted to
 * again. */
POSENET_API posenet_status posenet_get_head(posenet *engine, posenet_head which, int dims[4],
                                            float *data, size_t capacity);

/* ---- what was done, and by what -------------------------------------------------------------- */

/* Set ledger->size first. STATE: before the first frame. */
POSENET_API posenet_status posenet_get_ledger(const posenet *engine, posenet_ledger *ledger);

/* Steps of the current plan, in the order they run: preprocess first, decode last. */
POSENET_API posenet_status posenet_get_step_count(const posenet *engine, int *count);

/* Step `index`, 0..count - 1. Set info->size first. */
POSENET_API posenet_status posenet_get_step(const posenet *engine, int index,
                                            posenet_step_info *info);

/* Which device the handle runs on in words: "cpu", "cuda:0 (NVIDIA H200)"; "" for NULL. Lasts as
 * long as the handle. */
POSENET_API const char *posenet_device_name(const posenet *engine);

/* "nose", "left_eye", …; NULL outside 0..16. Lasts for ever. */
POSENET_API const char *posenet_part_name(int part);

/* One sentence about this thread's last failure, "" if there was none. Lasts until the thread's
 * next failure; a success leaves it. */
POSENET_API const char *posenet_last_error(void);

/* "0.1.0", of the library that runs; the macros above are those of the header. */
POSENET_API const char *posenet_version(void);

#ifdef __cplusplus
}
#endif
#endif
