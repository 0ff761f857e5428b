/* Where models are looked for, and which is taken when nobody says. */
#include "tools/model_find.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef POSENET_MODEL_FOLDER
#error "the build says where models are installed, seen from the program's own folder"
#endif

const char model_help[] =
    "Models: without --model the first of these names is taken, as NAME.onnx or\n"
    "NAME/model-stride*.json: posenet_mobilenet_v1_100_stride16, ..._075_stride16,\n"
    "..._050_stride16, posenet_resnet50_stride16, posenet_resnet50_stride32, posenet,\n"
    "posenet_demo_mobilenet_v1_075_stride16; else the folder's first .onnx. The first of\n"
    "these folders with a model decides: $POSENET_MODELS, ./models, ./tools/demo, "
    "and\n" POSENET_MODEL_FOLDER " beside the installed program.";

static const char *const preferred[] = {"posenet_mobilenet_v1_100_stride16",
                                        "posenet_mobilenet_v1_075_stride16",
                                        "posenet_mobilenet_v1_050_stride16",
                                        "posenet_resnet50_stride16",
                                        "posenet_resnet50_stride32",
                                        "posenet",
                                        "posenet_demo_mobilenet_v1_075_stride16"};
enum { PREFERRED = sizeof preferred / sizeof *preferred };

static int is_file(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && !S_ISDIR(about.st_mode);
}

/* The first file, by name, that matches. The folder's own name is taken literally. */
static int first_match(const char *folder, const char *pattern, char path[MODEL_PATH_BYTES])
{
    char whole[MODEL_PATH_BYTES];
    size_t used = 0;
    for (const char *c = folder; *c && used + 2 < sizeof whole; c++) {
        if (strchr("*?[]\\", *c)) whole[used++] = '\\';
        whole[used++] = *c;
    }
    int length = snprintf(whole + used, sizeof whole - used, "/%s", pattern);
    if (length < 0 || (size_t)length >= sizeof whole - used) return 0;
    glob_t found;
    int result = 0;
    if (glob(whole, 0, NULL, &found) == 0) {
        result = strlen(found.gl_pathv[0]) < MODEL_PATH_BYTES && is_file(found.gl_pathv[0]);
        if (result) strcpy(path, found.gl_pathv[0]);
        globfree(&found);
    }
    return result;
}

/* `name` inside `folder` as a file, as NAME.onnx or as a folder of TF.js weights. */
static int find_in(const char *folder, const char *name, int bare, char path[MODEL_PATH_BYTES])
{
    static const char *const endings[] = {"", ".onnx"};
    for (int i = bare ? 0 : 1; i < 2; i++) {
        int length = snprintf(path, MODEL_PATH_BYTES, "%s/%s%s", folder, name, endings[i]);
        if (length < 0 || length >= MODEL_PATH_BYTES) return 0;
        if (is_file(path)) return 1;
    }
    char inner[MODEL_PATH_BYTES];
    int length = snprintf(inner, sizeof inner, "%s/%s", folder, name);
    return length > 0 && (size_t)length < sizeof inner &&
           first_match(inner, "model-stride*.json", path);
}

static int find_any_in(const char *folder, char path[MODEL_PATH_BYTES])
{
    for (int i = 0; i < PREFERRED; i++)
        if (find_in(folder, preferred[i], 0, path)) return 1;
    return first_match(folder, "*.onnx", path);
}

/* The folder of installed models, wherever the whole was installed to; "" where that is unknown. */
static void installed_models(char folder[MODEL_PATH_BYTES])
{
    ssize_t length = readlink("/proc/self/exe", folder, MODEL_PATH_BYTES - 1);
    folder[length > 0 ? length : 0] = '\0';
    char *name = strrchr(folder, '/');
    size_t room = name ? MODEL_PATH_BYTES - (size_t)(name - folder) : 0;
    if (room <= sizeof "/" POSENET_MODEL_FOLDER)
        folder[0] = '\0';
    else
        snprintf(name, room, "/%s", POSENET_MODEL_FOLDER);
}

status model_find(const char *asked, char path[MODEL_PATH_BYTES])
{
    char installed[MODEL_PATH_BYTES];
    installed_models(installed);
    const char *from_user = getenv("POSENET_MODELS");
    const char *const folders[] = {from_user ? from_user : "", "models", "tools/demo", installed};
    if (asked && strlen(asked) >= MODEL_PATH_BYTES)
        return fail(STATUS_ARGUMENT, "--model is longer than %d bytes", MODEL_PATH_BYTES - 1);
    if (asked && is_file(asked)) {
        strcpy(path, asked);
        return STATUS_OK;
    }
    if (asked && first_match(asked, "model-stride*.json", path)) return STATUS_OK;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        if (!*folders[i]) continue;
        if (asked ? find_in(folders[i], asked, 1, path) : find_any_in(folders[i], path))
            return STATUS_OK;
    }
    if (asked)
        return fail(STATUS_FILE,
                    "model %s: is no file, and no name in $POSENET_MODELS (%s), ./models, "
                    "./tools/demo or the installed models",
                    asked, *folders[0] ? folders[0] : "not set");
    return fail(STATUS_FILE, "no model found: put a PoseNet .onnx into ./models (posenet fetch "
                             "brings Google's there), name one with --model FILE, or set "
                             "POSENET_MODELS to a folder of models");
}
