/* How subcommands speak on stderr: complaints, remarks, a progress line; and the nearest word. */
#include "tools/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 2048, PROGRESS_BYTES = 72, WORD_BYTES = 32 };

static int progress_on, progress_shown;

/* ---- lines on stderr ------------------------------------------------------------------------ */

static void print_line(const char *before, const char *format, va_list list)
{
    char line[LINE_BYTES];
    vsnprintf(line, sizeof line, format, list);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) *c = '?';
    progress_clear();
    fprintf(stderr, "%s%s\n", before, line);
}

exit_status complain(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    print_line("posenet: ", format, list);
    va_end(list);
    return EXIT_BAD;
}

void remark(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    print_line("", format, list);
    va_end(list);
}

void progress_wanted(int wanted)
{
    progress_on = wanted && isatty(STDERR_FILENO);
}

void progress(const char *format, ...)
{
    if (!progress_on) return;
    char line[PROGRESS_BYTES];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    fprintf(stderr, "\r\033[K%s", line);
    progress_shown = 1;
}

void progress_clear(void)
{
    if (progress_shown) fputs("\r\033[K", stderr);
    progress_shown = 0;
}

exit_status finish_stdout(exit_status so_far)
{
    progress_clear();
    errno = 0;
    int lost = fflush(stdout) != 0 || ferror(stdout);
    if (!lost || so_far == EXIT_BAD) return so_far;
    return complain("standard output cannot be written: %s", strerror(errno ? errno : EIO));
}

/* ---- spelling ------------------------------------------------------------------------------- */

/* How many letters to change, add or take away to come from one word to the other. */
static int distance(const char *from, const char *to)
{
    int length = (int)strlen(to), row[WORD_BYTES + 1];
    if (length > WORD_BYTES || strlen(from) > WORD_BYTES) return WORD_BYTES;
    for (int i = 0; i <= length; i++) row[i] = i;
    for (int at = 1; *from; from++, at++) {
        int diagonal = row[0];
        row[0] = at;
        for (int i = 1; i <= length; i++) {
            int change = diagonal + (*from != to[i - 1]);
            int other = 1 + (row[i] < row[i - 1] ? row[i] : row[i - 1]);
            diagonal = row[i];
            row[i] = change < other ? change : other;
        }
    }
    return row[length];
}

const char *nearest_word(const char *misspelt, const void *words, int count, size_t stride)
{
    const char *best = NULL;
    int least = 1 + (int)strlen(misspelt) / 3;
    for (int i = 0; i < count; i++) {
        const char *word;
        memcpy(&word, (const char *)words + (size_t)i * stride, sizeof word);
        int far = distance(misspelt, word);
        if (far > least || (best && far == least)) continue;
        least = far;
        best = word;
    }
    return best;
}
