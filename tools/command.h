/* What every subcommand of `posenet` is and shares: its entry in the table, its exit status, how it
 * complains. To add one: a file with its function, a declaration here, a row in tools/posenet.c.
 */
#ifndef POSENET_TOOLS_COMMAND_H
#define POSENET_TOOLS_COMMAND_H

#include <stddef.h>

#include "kernels/status.h"

typedef enum exit_status {
    EXIT_DONE = 0,         /* also after --help and --version */
    EXIT_CHECK_FAILED = 1, /* a comparison found a difference */
    EXIT_BAD = 2           /* bad usage or input: exactly one line on stderr said what and where */
} exit_status;

/* argv[0] is the subcommand's own name. */
typedef struct command {
    const char *name;
    const char *summary; /* one line for `posenet --help` */
    exit_status (*run)(int argc, char **argv);
} command;

exit_status run_command(int argc, char **argv);
exit_status inspect_command(int argc, char **argv);
exit_status validate_command(int argc, char **argv);
exit_status convert_command(int argc, char **argv);
exit_status generate_command(int argc, char **argv);
exit_status fetch_command(int argc, char **argv);

/* Prints "posenet: " and the sentence as one line on stderr (control characters become '?', since
 * file names may hold any); returns EXIT_BAD. */
exit_status complain(const char *format, ...) STATUS_FORMAT(1, 2);

/* The same for a remark that is no error. */
void remark(const char *format, ...) STATUS_FORMAT(1, 2);

/* One line on stderr about work in progress, replaced by the next and wiped before any complaint;
 * nothing at all unless stderr is a terminal and `progress_wanted` was called with 1. */
void progress_wanted(int wanted);
void progress(const char *format, ...) STATUS_FORMAT(1, 2);
void progress_clear(void);

/* What was printed on stdout has arrived; else complains. Every command ends with it. */
exit_status finish_stdout(exit_status so_far);

/* Of `count` words the nearest to a misspelt one, or NULL if none is near. words are `stride` bytes
 * apart, each a const char *. */
const char *nearest_word(const char *misspelt, const void *words, int count, size_t stride);

#endif
