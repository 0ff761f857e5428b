/* Names and edges in the order of Google's PoseNet. */
#include "kernels/decode/skeleton.h"

enum {
    NOSE,
    LEFT_EYE,
    RIGHT_EYE,
    LEFT_EAR,
    RIGHT_EAR,
    LEFT_SHOULDER,
    RIGHT_SHOULDER,
    LEFT_ELBOW,
    RIGHT_ELBOW,
    LEFT_WRIST,
    RIGHT_WRIST,
    LEFT_HIP,
    RIGHT_HIP,
    LEFT_KNEE,
    RIGHT_KNEE,
    LEFT_ANKLE,
    RIGHT_ANKLE
};

const skeleton_edge skeleton_edges[EDGES] = {
    {NOSE, LEFT_EYE},           {LEFT_EYE, LEFT_EAR},        {NOSE, RIGHT_EYE},
    {RIGHT_EYE, RIGHT_EAR},     {NOSE, LEFT_SHOULDER},       {LEFT_SHOULDER, LEFT_ELBOW},
    {LEFT_ELBOW, LEFT_WRIST},   {LEFT_SHOULDER, LEFT_HIP},   {LEFT_HIP, LEFT_KNEE},
    {LEFT_KNEE, LEFT_ANKLE},    {NOSE, RIGHT_SHOULDER},      {RIGHT_SHOULDER, RIGHT_ELBOW},
    {RIGHT_ELBOW, RIGHT_WRIST}, {RIGHT_SHOULDER, RIGHT_HIP}, {RIGHT_HIP, RIGHT_KNEE},
    {RIGHT_KNEE, RIGHT_ANKLE},
};

const char *skeleton_part_name(int part)
{
    static const char *const names[PARTS] = {
        [NOSE] = "nose",
        [LEFT_EYE] = "left_eye",
        [RIGHT_EYE] = "right_eye",
        [LEFT_EAR] = "left_ear",
        [RIGHT_EAR] = "right_ear",
        [LEFT_SHOULDER] = "left_shoulder",
        [RIGHT_SHOULDER] = "right_shoulder",
        [LEFT_ELBOW] = "left_elbow",
        [RIGHT_ELBOW] = "right_elbow",
        [LEFT_WRIST] = "left_wrist",
        [RIGHT_WRIST] = "right_wrist",
        [LEFT_HIP] = "left_hip",
        [RIGHT_HIP] = "right_hip",
        [LEFT_KNEE] = "left_knee",
        [RIGHT_KNEE] = "right_knee",
        [LEFT_ANKLE] = "left_ankle",
        [RIGHT_ANKLE] = "right_ankle",
    };
    return part >= 0 && part < PARTS ? names[part] : 0;
}
