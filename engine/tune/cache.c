/* Reading and writing the tuner's choices. */
#include "engine/tune/cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/plan/signature.h"
#include "engine/posenet.h"

enum { FILE_BYTES = 1 << 18, MOST_STEPS = 1 << 20 };

/* ---- folder and file ------------------------------------------------------------------------- */

static void join(const char *folder, const char *rest, char path[TUNE_PATH_BYTES])
{
    int length = snprintf(path, TUNE_PATH_BYTES, "%s%s", folder, rest);
    if (length < 0 || length >= TUNE_PATH_BYTES) *path = '\0';
}

void tune_cache_folder(const char *wish, char path[TUNE_PATH_BYTES])
{
    *path = '\0';
    if (!wish) wish = getenv("POSENET_CACHE");
    if (wish) {
        join(wish, "", path);
        return;
    }
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (base && *base == '/')
        join(base, "/posenet", path);
    else if (home && *home == '/')
        join(home, "/.cache/posenet", path);
}

static void file_of(const char *folder, const char *key, char path[TUNE_PATH_BYTES])
{
    char name[64];
    uint64_t hash = signature_add(SIGNATURE_START, key, strlen(key));
    snprintf(name, sizeof name, "/%016llx.tuned", (unsigned long long)hash);
    join(folder, name, path);
}

/* Every folder on the way, for the user alone, as the base directory rules ask. */
static void make_folders(const char *folder)
{
    char path[TUNE_PATH_BYTES];
    join(folder, "", path);
    for (char *at = path + 1; *path && *at; at++) {
        if (*at != '/') continue;
        *at = '\0';
        (void)mkdir(path, 0700);
        *at = '/';
    }
    (void)mkdir(path, 0700);
}

/* ---- key ------------------------------------------------------------------------------------- */

static char *row_names(const row *const *rows, const cover_request *cover, pool *p)
{
    char *names = pool_text(p, "", 0);
    for (const row *const *r = rows; names && *r; r++)
        if ((*r)->device == cover->device || (*r)->device == DEVICE_REF)
            names = pool_format(p, "%s %s", names, (*r)->name);
    return names;
}

status tune_cache_key(const plan_request *request, const cover_request *cover, pool *p, char **key)
{
    char identity[512] = "";
    TRY(request->device->calls->identify(request->device, identity, sizeof identity));
    for (char *c = identity; *c; c++)
        if (*c == '\n') *c = ' ';
    static const char *const precisions[] = {"fp32", "tf32", "fp16"};
    char *names = row_names(cover->rows, cover, p);
    if (!names) return STATUS_MEMORY;
    uint64_t network = signature_of(cover->net, 0, cover->net->step_count);
    *key = pool_format(p,
                       "posenet %s: a choice of the tuner, format 1\n"
                       "device %s\nprecision %s\ninput %dx%d, batch %d\nthreads %d\nrows%s\n"
                       "network of %d steps, %016llx\n",
                       posenet_version(), identity, precisions[request->precision], request->width,
                       request->height, request->batch, request->threads, names,
                       cover->net->step_count, (unsigned long long)network);
    return *key ? STATUS_OK : STATUS_MEMORY;
}

/* ---- load ------------------------------------------------------------------------------------ */

/* The file's text from `p`; NULL in *text where there is none. */
static status read_file(const char *path, pool *p, char **text)
{
    *text = NULL;
    FILE *file = fopen(path, "r");
    if (!file) return STATUS_OK;
    char *all = pool_array(p, FILE_BYTES + 1, 1);
    size_t got = all ? fread(all, 1, FILE_BYTES, file) : 0;
    int whole = got < FILE_BYTES && !ferror(file);
    fclose(file);
    if (!all) return STATUS_MEMORY;
    if (whole && strlen(all) == got) *text = all;
    return STATUS_OK;
}

static int read_number(char **at, int most, int *out)
{
    char *end;
    if (**at < '0' || **at > '9') return 0;
    errno = 0;
    long value = strtol(*at, &end, 10);
    if (errno || value > most || *end != ' ') return 0;
    *at = end + 1;
    *out = (int)value;
    return 1;
}

static const row *find_row(const cover_request *cover, const char *name, size_t length)
{
    for (const row *const *r = cover->rows; *r; r++)
        if (strlen((*r)->name) == length && memcmp((*r)->name, name, length) == 0) return *r;
    return NULL;
}

/* One line, "FIRST COUNT VARIANT ROW"; 0 where it does not say what the network needs next. */
static int read_work(char **at, const plan_request *request, const cover_request *cover,
                     const int *last_readers, int next, work *w)
{
    int first, count, variant;
    if (!read_number(at, MOST_STEPS, &first) || !read_number(at, MOST_STEPS, &count) ||
        !read_number(at, MOST_STEPS, &variant))
        return 0;
    size_t length = strcspn(*at, "\n");
    const row *found = find_row(cover, *at, length);
    if (!found || (*at)[length] != '\n' || first != next || count < 1 ||
        cover_span(cover, last_readers, found, first) != count)
        return 0;
    *w = (work){.row = found, .first = first, .count = count};
    prepare_context context = {.precision = request->precision,
                               .threads = request->threads,
                               .packs = request->packs,
                               .device = request->device->rows};
    int variants = found->variants ? found->variants(&context, cover->net, w) : 1;
    if (variant >= variants) return 0;
    w->variant = variant;
    *at += length + 1;
    return 1;
}

/* All lines, and "end" behind them; 0 where something is wrong. */
static int read_works(char *at, const plan_request *request, const cover_request *cover,
                      const int *last_readers, work *works)
{
    int steps = cover->net->step_count, next = 0, count = 0;
    while (next < steps) {
        if (!read_work(&at, request, cover, last_readers, next, &works[count])) return 0;
        next += works[count++].count;
    }
    return strcmp(at, "end\n") == 0 ? count : 0;
}

status tune_cache_load(const char *folder, const char *key, const plan_request *request,
                       const cover_request *cover, pool *p, work **works, int *count)
{
    char path[TUNE_PATH_BYTES], *text;
    *count = 0;
    file_of(folder, key, path);
    if (!*folder || !*path) return STATUS_OK;
    TRY(read_file(path, p, &text));
    size_t length = strlen(key);
    if (!text || strncmp(text, key, length) != 0) return STATUS_OK;
    int *last_readers = cover_last_readers(cover->net, p);
    *works = pool_array(p, (size_t)cover->net->step_count, sizeof **works);
    if (!last_readers || !*works) return STATUS_MEMORY;
    *count = read_works(text + length, request, cover, last_readers, *works);
    return STATUS_OK;
}

/* ---- save ------------------------------------------------------------------------------------ */

static int write_works(FILE *file, const char *key, const work *works, int count)
{
    fputs(key, file);
    for (int i = 0; i < count; i++)
        fprintf(file, "%d %d %d %s\n", works[i].first, works[i].count, works[i].variant,
                works[i].row->name);
    fputs("end\n", file);
    return !ferror(file) && fflush(file) == 0 && fsync(fileno(file)) == 0;
}

void tune_cache_save(const char *folder, const char *key, const work *works, int count)
{
    char path[TUNE_PATH_BYTES], temporary[TUNE_PATH_BYTES];
    if (!*folder) return;
    make_folders(folder);
    file_of(folder, key, path);
    join(path, ".XXXXXX", temporary);
    if (!*path || !*temporary) return;
    int descriptor = mkstemp(temporary);
    if (descriptor < 0) return;
    FILE *file = fdopen(descriptor, "w");
    int written = file && write_works(file, key, works, count);
    if (file)
        written &= fclose(file) == 0;
    else
        (void)close(descriptor);
    if (!written || rename(temporary, path) != 0) (void)unlink(temporary);
}
