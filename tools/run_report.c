/* What `posenet run` prints for people. */
#include "tools/run_report.h"

#include "tools/tuning.h"

void report_poses(FILE *to, const json_picture *picture)
{
    fprintf(to, "%s: %d x %d, input %d x %d, %d pose%s\n", picture->image, picture->width,
            picture->height, picture->input_width, picture->input_height, picture->count,
            picture->count == 1 ? "" : "s");
    for (int i = 0; i < picture->count; i++) {
        const posenet_pose *pose = &picture->poses[i];
        fprintf(to, "\n  pose %-11d score %.2f\n", i + 1, (double)pose->score);
        for (int k = 0; k < POSENET_PARTS; k++)
            fprintf(to, "    %-14s %8.1f %8.1f   %.2f\n", posenet_part_name(k),
                    (double)pose->keypoints[k].x, (double)pose->keypoints[k].y,
                    (double)pose->keypoints[k].score);
    }
}

static void print_ledger(FILE *to, const posenet_ledger *ledger)
{
    fprintf(to, "  bytes up %lld, down %lld, staged %lld; launches %d, waits %d\n",
            (long long)ledger->bytes_up, (long long)ledger->bytes_down,
            (long long)ledger->bytes_staged, ledger->launches, ledger->waits);
    fprintf(to,
            "  upload %.0f us, preprocess %.0f us, network %.0f us, decode %.0f us, download "
            "%.0f us\n",
            ledger->upload_us, ledger->preprocess_us, ledger->network_us, ledger->decode_us,
            ledger->download_us);
}

posenet_status report_profile(FILE *to, const posenet *engine, const char *image)
{
    posenet_ledger ledger = {.size = sizeof ledger};
    int count = 0;
    posenet_status result = posenet_get_ledger(engine, &ledger);
    if (result == POSENET_OK) result = posenet_get_step_count(engine, &count);
    if (result != POSENET_OK) return result;
    fprintf(to, "%s on %s\n", image, posenet_device_name(engine));
    print_ledger(to, &ledger);
    fprintf(to, "  %4s %10s %9s %-27s %-16s %s\n", "step", "us", "GFLOP/s", "row", "output",
            "nodes");
    for (int i = 0; i < count; i++) {
        posenet_step_info step = {.size = sizeof step};
        result = posenet_get_step(engine, i, &step);
        if (result != POSENET_OK) return result;
        char dims[48] = "poses";
        char row[64];
        row_text(step.row, step.variant, row, sizeof row);
        if (step.dims[0])
            snprintf(dims, sizeof dims, "%dx%dx%dx%d", step.dims[0], step.dims[1], step.dims[2],
                     step.dims[3]);
        if (step.covered)
            fprintf(to, "  %4d %10s %9s %-27s %-16s %s\n", i, "-", "-", "  with the one above",
                    dims, step.nodes);
        else
            fprintf(to, "  %4d %10.1f %9.1f %-27s %-16s %s\n", i, step.microseconds,
                    step.microseconds > 0.0 ? (double)step.flops / step.microseconds / 1e3 : 0.0,
                    row, dims, step.nodes);
    }
    return POSENET_OK;
}
