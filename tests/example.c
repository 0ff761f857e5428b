/* People in a picture: cc example.c $(pkg-config --cflags --libs posenet) */
#include <posenet.h>
#include <stdio.h>

int main(int argc, char **argv) /* MODEL PICTURE, which is a binary PPM of 640 x 480 pixels */
{
    static unsigned char pixels[480][640][3];
    FILE *file = argc == 3 ? fopen(argv[2], "rb") : NULL;
    if (!file || fscanf(file, "P6 640 480 255%*c")) return 2;
    if (!fread(pixels, sizeof pixels, 1, file)) return 2;
    fclose(file);

    posenet *engine = NULL;
    posenet_settings settings;
    posenet_default_settings(&settings, sizeof settings);
    settings.model = argv[1];
    posenet_image image = {sizeof image, pixels, 640, 480};
    posenet_pose poses[5];
    int count = 0;
    if (posenet_open(&engine, &settings) ||
        posenet_estimate(engine, &image, 1, NULL, poses, &count))
        fprintf(stderr, "%s\n", posenet_last_error());
    for (posenet_pose *p = poses; p < poses + count; p++)
        printf("%.2f, nose at %.0f, %.0f\n", p->score, p->keypoints[0].x, p->keypoints[0].y);
    posenet_close(&engine);
    return count == 0;
}
