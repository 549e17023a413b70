/*
 * Layout: a head of 4 KiB ("moltbot box 1", salt), then two slots of VAULT_BOX_MAX and a page. A slot is a page with its head
 * (magic, generation, length) and the sealed bytes. A write goes to the slot that is not the newest: its head is wiped, the
 * bytes written and synced, then the head. A kill at any moment leaves the other slot as it was.
 */
#include "vault/vault.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"

#define PAGE 4096u
#define SLOT_LEN (PAGE + VAULT_BOX_MAX)
#define SALT_LEN CRYPTO_SALT_LEN

static const uint8_t file_magic[16] = "moltbot box 1";
static const uint8_t slot_magic[8] = "slot  1";

struct slot_head {
	uint8_t magic[8];
	uint64_t generation;
	uint64_t len;
};

static off_t
slot_at(unsigned slot)
{
	return (off_t)PAGE + (off_t)slot * SLOT_LEN;
}

static int
read_at(int fd, off_t at, void *to, size_t len)
{
	uint8_t *p = to;
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(fd, p + got, len - got, at + (off_t)got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		if (n == 0)
			return ERR_EOF;
		got += (size_t)n;
	}
	return 0;
}

static int
write_at(int fd, off_t at, const void *from, size_t len)
{
	const uint8_t *p = from;
	size_t done = 0;

	while (done < len) {
		ssize_t n = pwrite(fd, p + done, len - done, at + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ERR_IO;
		done += (size_t)n;
	}
	return 0;
}

/* The generation is in what is authenticated: an old slot cannot be given out as a newer one. */
static struct span
slot_ad(uint64_t generation, uint8_t ad[24])
{
	memcpy(ad, "vault box 1 slot", 16);
	for (size_t i = 0; i < 8; i++)
		ad[16 + i] = (uint8_t)(generation >> (8 * i));
	return span_of(ad, 24);
}

/* 1: opened, 0: nothing there (or torn before its head was written). */
static int
slot_read(const struct vault_box *box, unsigned slot, struct slot_head *head, struct buf *out)
{
	uint8_t ad[24];
	uint8_t *sealed;
	int rc = read_at(box->fd, slot_at(slot), head, sizeof(*head));

	if (rc == ERR_EOF || (rc == 0 && memcmp(head->magic, slot_magic, sizeof(slot_magic)) != 0))
		return 0;
	if (rc < 0)
		return rc;
	if (head->len > VAULT_BOX_MAX)
		return ERR_CRYPTO;
	sealed = mem_alloc(1, head->len + 1);
	rc = read_at(box->fd, slot_at(slot) + PAGE, sealed, head->len);
	if (rc == 0)
		rc = crypto_open(
			box->key, slot_ad(head->generation, ad), span_of(sealed, head->len), out);
	free(sealed);
	if (rc == ERR_EOF)
		rc = ERR_CRYPTO;
	return rc < 0 ? rc : 1;
}

static int
head_read(struct vault_box *box, struct span key)
{
	uint8_t head[sizeof(file_magic) + SALT_LEN] = {0};
	int rc = read_at(box->fd, 0, head, sizeof(head));

	if (rc == ERR_EOF) {
		memcpy(head, file_magic, sizeof(file_magic));
		crypto_random(head + sizeof(file_magic), SALT_LEN);
		rc = write_at(box->fd, 0, head, sizeof(head));
		if (rc == 0 && fsync(box->fd) < 0)
			rc = ERR_IO;
	}
	if (rc < 0)
		return rc;
	if (memcmp(head, file_magic, sizeof(file_magic)) != 0)
		return ERR_SYNTAX;
	if (key.len != CRYPTO_KEY_LEN)
		return crypto_stretch(key, head + sizeof(file_magic), box->key);
	memcpy(box->key, key.ptr, CRYPTO_KEY_LEN);
	return 0;
}

int
vault_box_open(struct vault_box *box, int fd, struct span key, struct buf *out)
{
	struct buf content[2] = {{.max = VAULT_BOX_MAX}, {.max = VAULT_BOX_MAX}};
	struct slot_head heads[2] = {0};
	int found[2] = {0};
	unsigned newest;
	int rc;

	*box = (struct vault_box){.fd = fd};
	rc = head_read(box, key);
	for (unsigned i = 0; rc == 0 && i < 2; i++)
		found[i] = slot_read(box, i, &heads[i], &content[i]);
	if (rc == 0 && found[0] <= 0 && found[1] <= 0)
		rc = found[0] < 0 ? found[0] : found[1];
	else if (rc == 0) {
		newest = found[1] > 0 &&
			 (found[0] <= 0 || heads[1].generation > heads[0].generation);
		box->generation = heads[newest].generation;
		rc = buf_put(out, buf_span(&content[newest]));
		if (rc == 0)
			rc = 1;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (content[i].ptr != NULL)
			secret_wipe(content[i].ptr, content[i].cap);
		buf_clear(&content[i]);
	}
	return rc;
}

int
vault_box_write(struct vault_box *box, struct span content)
{
	struct slot_head head = {.generation = box->generation + 1};
	struct slot_head none = {0};
	struct buf sealed = {.max = VAULT_BOX_MAX};
	uint8_t ad[24];
	off_t at = slot_at((unsigned)(head.generation & 1));
	int rc = crypto_seal(box->key, slot_ad(head.generation, ad), content, &sealed);

	memcpy(head.magic, slot_magic, sizeof(slot_magic));
	head.len = sealed.len;
	if (rc == 0)
		rc = write_at(box->fd, at, &none, sizeof(none));
	if (rc == 0)
		rc = write_at(box->fd, at + PAGE, sealed.ptr, sealed.len);
	if (rc == 0 && fdatasync(box->fd) < 0)
		rc = ERR_IO;
	if (rc == 0)
		rc = write_at(box->fd, at, &head, sizeof(head));
	if (rc == 0 && fdatasync(box->fd) < 0)
		rc = ERR_IO;
	buf_clear(&sealed);
	if (rc == 0)
		box->generation = head.generation;
	else
		log_error("the box could not be written: what was asked is refused",
			LOG_E("why", rc), LOG_ERRNO("errno", errno));
	return rc;
}
