/* How every function of posenet says what went wrong: a code, and one sentence kept per thread.
 * The leaf of everything: includes nothing of the project.
 *
 *   status load(const char *path) {
 *       FILE *f = fopen(path, "rb");
 *       if (!f) return fail(STATUS_FILE, "%s: cannot be opened: %s", path, strerror(errno));
 *       ...
 *   }
 *   TRY(load(path));      returns from the caller, too, if it failed
 */
#ifndef POSENET_KERNELS_STATUS_H
#define POSENET_KERNELS_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* The numbers are those of posenet_status in engine/posenet.h and never change. */
typedef enum status {
    STATUS_OK = 0,
    STATUS_ARGUMENT = 1,    /* the caller passed something that makes no sense */
    STATUS_MEMORY = 2,      /* an allocation failed, on the host or on the device */
    STATUS_FILE = 3,        /* a file is missing or cannot be read or written */
    STATUS_MODEL = 4,       /* a model file is damaged, contradicts itself, or is no PoseNet */
    STATUS_UNSUPPORTED = 5, /* valid, but outside what this engine or this device computes */
    STATUS_DEVICE = 6,      /* the device is missing, or one of its libraries failed */
    STATUS_STATE = 7        /* the call does not fit what was called before it */
} status;

#if defined(__GNUC__)
#define STATUS_FORMAT(text, first) __attribute__((format(printf, text, first)))
#define STATUS_MUST_CHECK          __attribute__((warn_unused_result))
#else
#define STATUS_FORMAT(text, first)
#define STATUS_MUST_CHECK
#endif

/* Keeps one sentence for this thread (what and where, no trailing newline; cut at 1023 bytes) and
 * returns `code`. Allocates nothing, so it works when memory is out. */
status fail(status code, const char *format, ...) STATUS_FORMAT(2, 3);

/* Puts "prefix: " before the sentence that the last fail() of this thread kept; returns `code`. */
status fail_in(status code, const char *prefix);

/* The last sentence of this thread, "" if none. Valid until the thread's next failure. */
const char *fail_text(void);

/* Forgets the last sentence of this thread. */
void fail_clear(void);

/* The code's name in words, such as "out of memory"; never NULL. */
const char *status_name(status code);

/* Returns from the calling function when `call` fails. With something to release, write the steps
 * as one function and the release in its caller, or use TRY_OR. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        status try_status_ = (call);                                                               \
        if (try_status_ != STATUS_OK) return try_status_;                                          \
    } while (0)

/* Stores the code in `variable` and goes to `label` when `call` fails. */
#define TRY_OR(variable, call, label)                                                              \
    do {                                                                                           \
        (variable) = (call);                                                                       \
        if ((variable) != STATUS_OK) goto label;                                                   \
    } while (0)

#ifdef __cplusplus
}
#endif
#endif
