/*
 * How an entry of a workspace is known: a file that is not empty by its size and the SHA-256 of its content, everything else
 * (empty files, folders, links) by size 0 and the SHA-256 of SCAN_NAME and its path.
 */
#ifndef PROTO_SCAN_H
#define PROTO_SCAN_H

#define SCAN_HASH_LEN 32
#define SCAN_NAME "moltbot name 1"
/* A record of the table in SCAN: size (big-endian, so that bytes compare like numbers), hash; the records are sorted. */
#define SCAN_SIZE_LEN 8
#define SCAN_RECORD_LEN (SCAN_SIZE_LEN + SCAN_HASH_LEN)

#define SCAN_SINCE_ALL 0ull
#define SCAN_SINCE_NONE UINT64_MAX

#endif
