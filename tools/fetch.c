/* `posenet fetch`: lists Google's published checkpoints and downloads one, checked. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/file_read.h"
#include "loader/graph.h"
#include "loader/names.h"
#include "loader/tfjs/json.h"
#include "tools/checkpoints.h"
#include "tools/download.h"
#include "tools/options.h"
#include "tools/outputs.h"
#include "tools/sums.h"

static const char lock_name[] = "posenet.lock";
enum { MIRROR_BYTES = 4096 };

typedef struct fetch {
    const checkpoint *what;
    pool *pool;
    const char *base;   /* URL of the folder with the files */
    const char *models; /* where models lie */
    sum_list sums;
    struct fetched_file *files; /* on the heap: all that the checkpoint consists of, so far */
    size_t file_count, file_capacity;
    int fetched; /* files that came over the wire */
} fetch;

typedef struct fetched_file {
    const char *key, *path;
    char sum[SUM_TEXT];
    int vouched; /* the sum was known or recorded before */
} fetched_file;

static const char *models_folder(void)
{
    const char *folder = getenv("POSENET_MODELS");
    return folder && *folder ? folder : "models";
}

/* ---- where from ---- */

/* A mirror's folder holds what the storage has, or checkpoints as this command leaves them. */
static status base_of_folder(fetch *f, const char *mirror)
{
    char here[MIRROR_BYTES] = "", *url = NULL;
    if (!is_folder(mirror)) return fail(STATUS_FILE, "%s: is no folder", mirror);
    if (mirror[0] != '/' && !getcwd(here, sizeof here))
        return fail(STATUS_FILE, "the current folder: %s", strerror(errno));
    char *whole = pool_format(f->pool, "%s%s%s", here, *here ? "/" : "", mirror);
    char *path = whole ? pool_format(f->pool, "%s/%s", whole, f->what->name) : NULL;
    if (path && !is_folder(path)) path = pool_format(f->pool, "%s/%s", whole, f->what->folder);
    if (!path) return STATUS_MEMORY;
    if (!is_folder(path))
        return fail(STATUS_FILE, "%s: holds neither %s nor %s", mirror, f->what->name,
                    f->what->folder);
    TRY(download_file_url(path, &url));
    f->base = pool_text(f->pool, url, strlen(url));
    free(url);
    return f->base ? STATUS_OK : STATUS_MEMORY;
}

static status choose_base(fetch *f, const char *mirror)
{
    if (mirror && !strstr(mirror, "://")) return base_of_folder(f, mirror);
    const char *root = mirror ? mirror : CHECKPOINT_STORAGE;
    int length = (int)strlen(root);
    while (length && root[length - 1] == '/') length--;
    f->base = pool_format(f->pool, "%.*s/%s", length, root, f->what->folder);
    return f->base ? STATUS_OK : STATUS_MEMORY;
}

/* ---- one file ---- */

/* What the file must be: shipped with the program, or recorded when it was first fetched. */
static const char *expected_sum(const fetch *f, const char *file, const char *key)
{
    const char *known = checkpoint_sum(f->what, file);
    return known ? known : sums_find(&f->sums, key);
}

static status check_sum(const fetch *f, const char *file, fetched_file *what)
{
    TRY(sum_file(what->path, what->sum));
    const char *expected = expected_sum(f, file, what->key);
    what->vouched = expected != NULL;
    if (!expected || !strcmp(what->sum, expected)) return STATUS_OK;
    return fail(STATUS_FILE, "%s: its SHA-256 is %s, but it should be %s", what->path, what->sum,
                expected);
}

static status fetch_file(fetch *f, const char *file, const char **out)
{
    fetched_file one = {.key = pool_format(f->pool, "%s/%s", f->what->name, file)};
    one.path = one.key ? pool_format(f->pool, "%s/%s", f->models, one.key) : NULL;
    char *url = one.path ? pool_format(f->pool, "%s/%s", f->base, file) : NULL;
    if (!url) return STATUS_MEMORY;
    *out = one.path;
    if (access(one.path, F_OK) == 0) {
        status s = check_sum(f, file, &one);
        if (s != STATUS_OK) return fail(s, "%s; remove it to fetch it again", fail_text());
    } else {
        TRY(download(url, one.path, one.key));
        f->fetched++;
        status s = check_sum(f, file, &one);
        if (s != STATUS_OK) {
            unlink(one.path);
            return fail(s, "%s; it was not kept", fail_text());
        }
    }
    TRY(heap_grow((void **)&f->files, &f->file_capacity, f->file_count + 1, sizeof *f->files));
    f->files[f->file_count++] = one;
    return STATUS_OK;
}

/* ---- all files ---- */

/* A name in model.json must be a plain one: it becomes part of a path and of a URL. */
static int is_plain_name(const char *name)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
    size_t length = strlen(name);
    return length > 0 && length < 128 && name[0] != '.' && strspn(name, plain) == length;
}

static status fetch_shards(fetch *f, const cJSON *json, const char *path)
{
    const cJSON *manifest = tfjs_json_member(json, "weightsManifest"), *group;
    cJSON_ArrayForEach(group, manifest)
    {
        const cJSON *shard;
        cJSON_ArrayForEach(shard, tfjs_json_member(group, "paths"))
        {
            const char *name = cJSON_GetStringValue(shard);
            const char *ignored;
            if (!name || !is_plain_name(name))
                return fail(STATUS_MODEL, "%s: a shard is named \"%s\"", path,
                            name_show(name).text);
            TRY(fetch_file(f, name, &ignored));
        }
    }
    return STATUS_OK;
}

static status fetch_listed(fetch *f, const char *path)
{
    unsigned char *text = NULL;
    size_t size;
    cJSON *json = NULL;
    TRY(file_read(path, TFJS_JSON_BYTES, &text, &size));
    status s = tfjs_json_parse((const char *)text, size, &json);
    free(text);
    if (s != STATUS_OK) return fail_in(s, path);
    s = fetch_shards(f, json, path);
    cJSON_Delete(json);
    return s;
}

/* The files, and then whether they are a model at all. */
static status fetch_files(fetch *f, const char **path)
{
    char *json_name = pool_format(f->pool, "model-stride%d.json", f->what->stride);
    if (!json_name) return STATUS_MEMORY;
    TRY(fetch_file(f, json_name, path));
    TRY(fetch_listed(f, *path));
    graph *g = NULL;
    TRY(tfjs_read_file(*path, &g));
    graph_free(&g);
    return STATUS_OK;
}

/* Files make no model: those that nobody vouches for are at fault, and must not stay to be taken
 * for good the next time. */
static void drop_suspects(const fetch *f)
{
    for (size_t i = 0; i < f->file_count; i++)
        if (!f->files[i].vouched) unlink(f->files[i].path);
}

static status fetch_all(fetch *f, const char *mirror)
{
    const char *path = NULL;
    char *folder = pool_format(f->pool, "%s/%s", f->models, f->what->name);
    char *lock = pool_format(f->pool, "%s/%s", f->models, lock_name);
    if (!folder || !lock) return STATUS_MEMORY;
    TRY(choose_base(f, mirror));
    TRY(sums_read(lock, &f->sums));
    TRY(make_folder(f->models));
    status s = make_folder(folder);
    if (s == STATUS_OK) s = fetch_files(f, &path);
    if (s == STATUS_MODEL) drop_suspects(f);
    if (s != STATUS_OK) {
        rmdir(folder); /* if they are empty */
        rmdir(f->models);
        return s;
    }
    for (size_t i = 0; i < f->file_count; i++)
        TRY(sums_record(&f->sums, f->files[i].key, f->files[i].sum));
    TRY(sums_write(&f->sums, lock));
    printf("%s\n", path);
    return STATUS_OK;
}

static status run_fetch(const checkpoint *what, const char *mirror, int quiet)
{
    fetch f = {.what = what, .models = models_folder()};
    progress_wanted(!quiet);
    TRY(pool_new(&f.pool));
    status s = fetch_all(&f, mirror);
    if (s == STATUS_OK && !quiet)
        remark("%s: %d files fetched, all checked", what->name, f.fetched);
    free(f.files);
    sums_free(&f.sums);
    pool_free(&f.pool);
    return s;
}

/* ---- the command ---- */

static exit_status list_checkpoints(void)
{
    for (int i = 0; i < checkpoint_count; i++) {
        const checkpoint *c = &checkpoints[i];
        char path[4096];
        snprintf(path, sizeof path, "%s/%s/model-stride%d.json", models_folder(), c->name,
                 c->stride);
        printf("%-44s stride %-2d  %d-byte weights  %5.1f MB%s\n", c->name, c->stride,
               c->weight_bytes, c->megabytes, access(path, F_OK) == 0 ? "  fetched" : "");
    }
    return finish_stdout(EXIT_DONE);
}

static const checkpoint *find_checkpoint(const char *name)
{
    for (int i = 0; i < checkpoint_count; i++)
        if (!strcmp(checkpoints[i].name, name)) return &checkpoints[i];
    return NULL;
}

static exit_status fetch_named(const char *name, const char *mirror, int quiet)
{
    const checkpoint *what = find_checkpoint(name);
    if (!what) return complain("fetch: there is no checkpoint %s; see posenet fetch --list", name);
    if (run_fetch(what, mirror, quiet) != STATUS_OK) return complain("fetch: %s", fail_text());
    return finish_stdout(EXIT_DONE);
}

exit_status fetch_command(int argc, char **argv)
{
    const char *mirror = NULL;
    int list = 0, quiet = 0;
    const option options[] = {
        {"--list", NULL, "the checkpoints that there are", take_flag, &list, 0, 0},
        {"--mirror", "URL|DIR",
         "take the files from there instead: laid out as Google's\n"
         "storage, or, a folder, as this command leaves them",
         take_text, &mirror, 0, 0},
        {"--quiet", NULL, "nothing on stderr but complaints", take_flag, &quiet, 0, 0},
    };
    const usage use = {
        .command = "fetch",
        .arguments = "[--list] [options] NAME",
        .purpose = "Downloads one of Google's PoseNet checkpoints into $POSENET_MODELS, or else\n"
                   "into ./models, and checks it. What was interrupted goes on where it stopped.\n"
                   "SHA-256 sums are kept in posenet.lock beside the models: a file that changes\n"
                   "later is refused. Prints the path of the model.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int count = 0;
    exit_status leave = EXIT_BAD;
    if (!options_parse(&use, argc, argv, &count, &leave)) return leave;
    if (list && !count) return list_checkpoints();
    if (list || count != 1) return complain("fetch: needs one NAME; see posenet fetch --list");
    return fetch_named(argv[0], mirror, quiet);
}
