// The ways of a row that has many, kept in order.
#ifndef POSENET_KERNELS_CUDA_WAYS_CUH
#define POSENET_KERNELS_CUDA_WAYS_CUH

// Puts `w` among the `most` ways of least cost, the cheapest first, `*count` of which are there;
// behind those that cost the same. WAY has a `cost`, in any unit.
template <typename WAY> void keep_way(WAY *ways, int *count, int most, const WAY &w)
{
    int at = *count < most ? (*count)++ : most;
    for (; at > 0 && ways[at - 1].cost > w.cost; at--)
        if (at < most) ways[at] = ways[at - 1];
    if (at < most) ways[at] = w;
}

#endif
