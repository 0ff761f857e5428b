/* Every allocation failed in turn while a graph is written as TF.js, read back, and written as
 * ONNX: each time an error, nothing lost, and no half a file. cJSON's own allocations are exempt.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/graph.h"
#include "loader/tfjs/write.h"
#include "tests/faults/allocations.h"
#include "tests/tiny_model.h"

enum { MOST_ALLOCATIONS = 100000, PATH_BYTES = 64 };

static int failures;
static char folder[] = "/tmp/posenet-faults-XXXXXX";

static void expect(int fine, long number, const char *what)
{
    if (fine) return;
    failures++;
    printf("allocation %ld: %s (%s)\n", number, what, fail_text());
}

/* Removes every file of the folder; how many had names of temporary ones. */
static int clear_folder(void)
{
    int temporary = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[PATH_BYTES + 256];
        if (e->d_name[0] == '.') continue;
        temporary += strstr(e->d_name, ".part") != NULL;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        unlink(path);
    }
    if (d) closedir(d);
    return temporary;
}

static status there_and_back(const graph *g)
{
    char json[PATH_BYTES], onnx[PATH_BYTES];
    graph *back = NULL;
    snprintf(json, sizeof json, "%s/model.json", folder);
    snprintf(onnx, sizeof onnx, "%s/model.onnx", folder);
    TRY(tfjs_write_file(g, json, 2));
    TRY(tfjs_read_file(json, &back));
    status s = onnx_write_file(back, onnx);
    graph_free(&back);
    return s;
}

/* 0 once `number` is more than there are. */
static int run_once(const graph *g, long number, int all)
{
    long before = allocations_live();
    allocations_fail(number, all);
    status s = there_and_back(g);
    int hit = allocations_count() >= number;
    allocations_fail(0, 0);
    expect(s == (hit ? STATUS_MEMORY : STATUS_OK), number,
           hit ? "no out of memory error" : "an error without a fault");
    expect(allocations_live() == before, number, "something was lost");
    expect(clear_folder() == 0, number, "half a file was left");
    return hit;
}

int main(void)
{
    size_t size;
    graph *g = NULL;
    uint8_t *bytes = tiny_model(&(tiny_spec){.nhwc = 1, .sigmoid = 1}, &size);
    if (!mkdtemp(folder) || onnx_read_memory(bytes, size, &g) != STATUS_OK) return 2;
    free(bytes);
    for (int all = 0; all <= 1; all++) {
        long number = 1;
        while (number < MOST_ALLOCATIONS && run_once(g, number, all)) number++;
        printf("files: every allocation up to %ld failed%s\n", number,
               all ? ", with all behind it" : "");
        expect(number > 15 && number < MOST_ALLOCATIONS, number, "too few or too many");
    }
    graph_free(&g);
    rmdir(folder);
    printf("%d failures\n", failures);
    return failures != 0;
}
