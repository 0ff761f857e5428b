/* Which number a name has: a hash table whose keys belong to the caller and must outlive it. */
#ifndef POSENET_LOADER_NAME_TABLE_H
#define POSENET_LOADER_NAME_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/status.h"

typedef struct name_slot {
    const char *name; /* NULL: free */
    int number;
} name_slot;

typedef struct name_table {
    name_slot *slots;
    size_t count, capacity; /* a power of two, at most half full */
    uint64_t seed;
} name_table;

/* An empty table; nothing is allocated yet. */
void name_table_begin(name_table *t);

/* The name's number, or `absent`. */
int name_table_find(const name_table *t, const char *name, int absent);

/* Gives the name a number; it must not be in the table. */
status name_table_add(name_table *t, const char *name, int number) STATUS_MUST_CHECK;

void name_table_end(name_table *t);

#endif
