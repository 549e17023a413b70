#include "sandbox_files.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/weak.h"
#include "crypto/crypto.h"

#define KIND_STATE 'S'
#define KIND_MARK 'M'
#define NUMBER_AT (2 + LABEL_PACKED_LEN)
#define HASH_AT (NUMBER_AT + SCAN_SIZE_LEN)
#define CHECK_AT (HASH_AT + SCAN_HASH_LEN)
#define CHECK_LEN (SANDBOX_RECORD_LEN - CHECK_AT)

const struct label sandbox_files_owner = {
	.integrity = LABEL_OWNER, .readers_kind = LABEL_READ_OWNER};
static const struct label doubtful = {
	.integrity = LABEL_UNTRUSTED, .readers_kind = LABEL_READ_OWNER};

bool
sandbox_files_is_plain(struct label label)
{
	return WEAK(FILE_LABEL) ||
	       label_is_equal(label_join(label, sandbox_files_owner), sandbox_files_owner);
}

/* ---- records ---- */

static void
check_of(const uint8_t *record, uint8_t out[CHECK_LEN])
{
	uint8_t hash[CRYPTO_SHA256_LEN];

	crypto_sha256(span_of(record, CHECK_AT), hash);
	memcpy(out, hash, CHECK_LEN);
}

static int
write_record(const struct sandbox_files *f, size_t at, uint8_t record[SANDBOX_RECORD_LEN])
{
	check_of(record, record + CHECK_AT);
	if (f->fd < 0 || pwrite(f->fd, record, SANDBOX_RECORD_LEN,
				 (off_t)(at * SANDBOX_RECORD_LEN)) != SANDBOX_RECORD_LEN)
		return ERR_IO;
	return 0;
}

static int
write_state(const struct sandbox_files *f)
{
	uint8_t record[SANDBOX_RECORD_LEN] = {KIND_STATE, f->state};

	label_pack(f->label, record + 2);
	for (size_t i = 0; i < 8; i++)
		record[NUMBER_AT + i] = (uint8_t)(f->since >> (8 * i));
	return write_record(f, 0, record);
}

static bool
is_good(const uint8_t *record, uint8_t kind, struct label *label)
{
	uint8_t check[CHECK_LEN];

	check_of(record, check);
	return memcmp(check, record + CHECK_AT, CHECK_LEN) == 0 && record[0] == kind &&
	       record[1] <= SANDBOX_FILES_ALL &&
	       label_unpack(span_of(record + 2, LABEL_PACKED_LEN), label) == 0;
}

/* ---- the table in memory ---- */

/* Where the record is, or would be. */
static size_t
place_of(const struct sandbox_files *f, const uint8_t record[SCAN_RECORD_LEN])
{
	size_t low = 0;
	size_t high = f->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (memcmp(f->marks[mid].record, record, SCAN_RECORD_LEN) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool
is_at(const struct sandbox_files *f, size_t at, const uint8_t record[SCAN_RECORD_LEN])
{
	return at < f->n && memcmp(f->marks[at].record, record, SCAN_RECORD_LEN) == 0;
}

static void
insert(struct sandbox_files *f, const uint8_t record[SCAN_RECORD_LEN], struct label label)
{
	size_t at = place_of(f, record);

	if (is_at(f, at, record)) {
		f->marks[at].label = label_join(f->marks[at].label, label);
		return;
	}
	memmove(f->marks + at + 1, f->marks + at, (f->n - at) * sizeof(*f->marks));
	f->marks[at].label = label;
	memcpy(f->marks[at].record, record, SCAN_RECORD_LEN);
	f->n++;
}

/* ---- reading it back ---- */

static void
distrust(struct sandbox_files *f, const char *why)
{
	log_error("the labels of the workspace's files cannot be believed: all of them count as "
		  "untrusted",
		LOG_C("why", why));
	f->state = SANDBOX_FILES_ALL;
	f->label = label_join(f->label, doubtful);
}

/* Records behind the last good one were being written when everything ended: their call is still under way in the state. */
static void
read_marks(struct sandbox_files *f, const uint8_t *at, size_t n)
{
	bool bad = false;

	for (size_t i = 1; i < n; i++) {
		struct label label;

		if (!is_good(at + i * SANDBOX_RECORD_LEN, KIND_MARK, &label)) {
			bad = true;
			continue;
		}
		if (bad) {
			distrust(f, "a record in the middle is not as it was written");
			return;
		}
		f->written = i;
		insert(f, at + i * SANDBOX_RECORD_LEN + NUMBER_AT, label);
	}
}

static void
read_state(struct sandbox_files *f, const uint8_t *record)
{
	struct label label;

	if (!is_good(record, KIND_STATE, &label)) {
		distrust(f, "the first record is not as it was written");
		return;
	}
	f->state = record[1];
	f->label = label;
	for (size_t i = 0; i < 8; i++)
		f->since |= (uint64_t)record[NUMBER_AT + i] << (8 * i);
}

int
sandbox_files_open(struct sandbox_files *f, int fd)
{
	size_t cap = (FILE_LABELS_MAX + 1) * SANDBOX_RECORD_LEN;
	uint8_t *all = mem_alloc(cap + 1, 1);
	size_t len = 0;
	ssize_t n = 0;

	*f = (struct sandbox_files){.fd = fd, .label = sandbox_files_owner};
	f->marks = mem_alloc(FILE_LABELS_MAX, sizeof(*f->marks));
	while (fd >= 0 && len <= cap && (n = pread(fd, all + len, cap + 1 - len, (off_t)len)) > 0)
		len += (size_t)n;
	if (n < 0 || len > cap)
		distrust(f, n < 0 ? "it cannot be read" : "it is too long");
	else if (len >= SANDBOX_RECORD_LEN)
		read_state(f, all);
	read_marks(f, all, (len > cap ? cap : len) / SANDBOX_RECORD_LEN);
	free(all);
	return n < 0 ? ERR_IO : 0;
}

void
sandbox_files_close(struct sandbox_files *f)
{
	free(f->marks);
	if (f->fd >= 0)
		close(f->fd);
	*f = (struct sandbox_files){.fd = -1};
}

/* ---- questions ---- */

bool
sandbox_files_is_empty(const struct sandbox_files *f)
{
	return f->n == 0 && f->state == SANDBOX_FILES_QUIET;
}

struct label
sandbox_files_worst(const struct sandbox_files *f)
{
	struct label l = sandbox_files_owner;

	if (f->state != SANDBOX_FILES_QUIET)
		l = label_join(l, f->label);
	for (size_t i = 0; i < f->n; i++)
		l = label_join(l, f->marks[i].label);
	return l;
}

static void
make_record(uint64_t size, struct span hash, uint8_t out[SCAN_RECORD_LEN])
{
	for (size_t i = 0; i < SCAN_SIZE_LEN; i++)
		out[i] = (uint8_t)(size >> (8 * (SCAN_SIZE_LEN - 1 - i)));
	memcpy(out + SCAN_SIZE_LEN, hash.ptr, SCAN_HASH_LEN);
}

struct label
sandbox_files_of(const struct sandbox_files *f, uint64_t size, struct span hash)
{
	uint8_t record[SCAN_RECORD_LEN];
	size_t at;

	make_record(size, hash, record);
	at = place_of(f, record);
	return is_at(f, at, record) ? f->marks[at].label : sandbox_files_owner;
}

void
sandbox_files_table(const struct sandbox_files *f, struct buf *out)
{
	for (size_t i = 0; i < f->n; i++)
		(void)buf_put(out, span_of(f->marks[i].record, SCAN_RECORD_LEN));
}

/* ---- changes ---- */

static int
set_state(struct sandbox_files *f, uint8_t state, struct label label, uint64_t since)
{
	f->state = state;
	f->label = label;
	f->since = since;
	if (write_state(f) < 0 || fdatasync(f->fd) != 0)
		return ERR_IO;
	return 0;
}

int
sandbox_files_begin(struct sandbox_files *f, struct label label, uint64_t since)
{
	if (f->state != SANDBOX_FILES_QUIET)
		return ERR_STATE;
	return set_state(f, SANDBOX_FILES_WRITING, label, since);
}

/* The entries first: the state tells of them until they are on disk. */
int
sandbox_files_end(struct sandbox_files *f)
{
	if (f->state != SANDBOX_FILES_WRITING)
		return ERR_STATE;
	if (fdatasync(f->fd) != 0)
		return ERR_IO;
	return set_state(f, SANDBOX_FILES_QUIET, sandbox_files_owner, 0);
}

int
sandbox_files_all(struct sandbox_files *f, struct label label)
{
	if (f->state == SANDBOX_FILES_ALL && label_is_equal(label_join(f->label, label), f->label))
		return 0;
	log_warn("the labels of the workspace's files do not fit: all of it counts as what its "
		 "worst run had read",
		LOG_U("entries", f->n));
	return set_state(f, SANDBOX_FILES_ALL,
		f->state == SANDBOX_FILES_QUIET ? label : label_join(f->label, label), 0);
}

int
sandbox_files_mark(struct sandbox_files *f, uint64_t size, struct span hash, struct label label)
{
	uint8_t record[SANDBOX_RECORD_LEN] = {KIND_MARK};
	uint8_t *entry = record + NUMBER_AT;
	size_t at;

	make_record(size, hash, entry);
	at = place_of(f, entry);
	if (is_at(f, at, entry) &&
		label_is_equal(label_join(f->marks[at].label, label), f->marks[at].label))
		return 0;
	if (f->written == FILE_LABELS_MAX)
		return ERR_FULL;
	label_pack(label, record + 2);
	if (write_record(f, f->written + 1, record) < 0)
		return ERR_IO;
	f->written++;
	insert(f, entry, label);
	return 0;
}
