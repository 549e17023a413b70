/* vault's parts by themselves: the sealed file under kills, what it holds, and how often strangers may ask. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "vault/vault.h"

static const uint8_t key[CRYPTO_KEY_LEN] = {1, 2, 3};
#define KEY span_of(key, sizeof(key))

static int
memfd(void)
{
	int fd = memfd_create("box", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static int
open_into(int fd, struct span with, struct vault_box *box, struct buf *out)
{
	*out = (struct buf){.max = VAULT_BOX_MAX};
	return vault_box_open(box, fd, with, out);
}

static void
expect_content(int fd, struct span want)
{
	struct vault_box box;
	struct buf got;

	assert_int_equal(open_into(fd, KEY, &box, &got), 1);
	assert_true(span_eq(buf_span(&got), want));
	buf_clear(&got);
}

static void
the_box_gives_back_what_was_written_last(void **state)
{
	struct vault_box box;
	struct buf got;
	int fd = memfd();

	(void)state;
	assert_int_equal(open_into(fd, KEY, &box, &got), 0);
	assert_int_equal(vault_box_write(&box, SPAN("one")), 0);
	expect_content(fd, SPAN("one"));
	assert_int_equal(vault_box_write(&box, SPAN("two")), 0);
	expect_content(fd, SPAN("two"));
	assert_int_equal(vault_box_write(&box, SPAN("three")), 0);
	expect_content(fd, SPAN("three"));
	close(fd);
}

static void
another_key_or_another_file_opens_nothing(void **state)
{
	static const uint8_t other[CRYPTO_KEY_LEN] = {9};
	struct vault_box box;
	struct buf got;
	int fd = memfd();

	(void)state;
	assert_int_equal(open_into(fd, KEY, &box, &got), 0);
	assert_int_equal(vault_box_write(&box, SPAN("secret")), 0);
	assert_int_equal(open_into(fd, span_of(other, sizeof(other)), &box, &got), ERR_CRYPTO);
	assert_int_equal(got.len, 0);
	buf_clear(&got);
	assert_int_equal(pwrite(fd, "#!/bin/sh", 9, 0), 9);
	assert_int_equal(open_into(fd, KEY, &box, &got), ERR_SYNTAX);
	close(fd);
}

static void
a_passphrase_opens_it_too(void **state)
{
	struct vault_box box;
	struct buf got;
	int fd = memfd();

	(void)state;
	assert_int_equal(open_into(fd, SPAN("correct horse"), &box, &got), 0);
	assert_int_equal(vault_box_write(&box, SPAN("secret")), 0);
	assert_int_equal(open_into(fd, SPAN("correct horsf"), &box, &got), ERR_CRYPTO);
	assert_int_equal(open_into(fd, SPAN("correct horse"), &box, &got), 1);
	assert_true(span_eq(buf_span(&got), SPAN("secret")));
	buf_clear(&got);
	assert_int_equal(open_into(fd, SPAN_EMPTY, &box, &got), ERR_MISSING);
	close(fd);
}

/* The file as a write found it and as it left it; every mixture of the two that a kill can leave opens as one or the other. */
static void
a_kill_at_any_moment_of_a_write_leaves_the_old_or_the_new(void **state)
{
	static uint8_t before[2 * (VAULT_BOX_MAX + 8192)];
	static uint8_t after[sizeof(before)];
	struct vault_box box;
	struct buf got;
	int fd = memfd();
	ssize_t n_before;
	ssize_t n_after;
	size_t head;

	(void)state;
	assert_int_equal(open_into(fd, KEY, &box, &got), 0);
	assert_int_equal(vault_box_write(&box, SPAN("first state")), 0);
	assert_int_equal(vault_box_write(&box, SPAN("old state")), 0);
	n_before = pread(fd, before, sizeof(before), 0);
	assert_int_equal(vault_box_write(&box, SPAN("new state, longer than the old")), 0);
	n_after = pread(fd, after, sizeof(after), 0);
	assert_true(n_before > 0 && n_after >= n_before);
	/* generation 3 is in the second slot, where generation 1 was */
	head = 4096 + 4096 + VAULT_BOX_MAX;
	/* head wiped, then any prefix of the bytes */
	for (size_t cut = 0; cut <= 100; cut++) {
		assert_int_equal(pwrite(fd, before, (size_t)n_before, 0), n_before);
		assert_int_equal(pwrite(fd, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24,
					 (off_t)head),
			24);
		assert_int_equal(
			pwrite(fd, after + head + 4096, cut, (off_t)head + 4096), (ssize_t)cut);
		expect_content(fd, SPAN("old state"));
	}
	/* all bytes, and any prefix of the head: the old one until the head is whole */
	for (size_t cut = 0; cut <= 24; cut++) {
		uint8_t torn[24] = {0};

		memcpy(torn, after + head, cut);
		assert_int_equal(pwrite(fd, after, (size_t)n_after, 0), n_after);
		assert_int_equal(pwrite(fd, torn, sizeof(torn), (off_t)head), sizeof(torn));
		assert_int_equal(open_into(fd, KEY, &box, &got), 1);
		assert_true(span_eq(buf_span(&got), SPAN("old state")) ||
			    span_eq(buf_span(&got), SPAN("new state, longer than the old")));
		buf_clear(&got);
	}
	assert_int_equal(pwrite(fd, after, (size_t)n_after, 0), n_after);
	expect_content(fd, SPAN("new state, longer than the old"));
	close(fd);
}

static void
content_above_the_limit_is_refused_and_the_old_stays(void **state)
{
	uint8_t *big = calloc(1, VAULT_BOX_MAX);
	struct vault_box box;
	struct buf got;
	int fd = memfd();

	(void)state;
	assert_int_equal(open_into(fd, KEY, &box, &got), 0);
	assert_int_equal(vault_box_write(&box, span_of(big, VAULT_BOX_MAX - CRYPTO_SEAL_EXTRA)), 0);
	assert_int_equal(vault_box_write(&box, span_of(big, VAULT_BOX_MAX - CRYPTO_SEAL_EXTRA + 1)),
		ERR_TOOBIG);
	expect_content(fd, span_of(big, VAULT_BOX_MAX - CRYPTO_SEAL_EXTRA));
	free(big);
	close(fd);
}

/* ---- state ---- */

static void
fill_state(struct vault_state *s)
{
	s->next_serial = 9;
	s->epoch = 5;
	s->ndevices = DEVICES_MAX;
	for (size_t i = 0; i < DEVICES_MAX; i++) {
		struct vault_device *d = &s->devices[i];

		memset(d->id, 'a', sizeof(d->id));
		d->serial = i + 2;
		d->roles = 1;
		d->scopes = SCOPE_READ;
		d->tokens[0] =
			(struct vault_device_token){.good = true, .scopes = SCOPE_READ, .at_ms = i};
		memset(d->display.bytes, 'd', sizeof(d->display.bytes));
		d->display.len = sizeof(d->display.bytes);
	}
	s->ncookies = VAULT_COOKIES_MAX;
	s->nliterals = VAULT_SECRETS_MAX;
	for (size_t i = 0; i < VAULT_SECRETS_MAX; i++) {
		vault_text_set(&s->literals[i].name, SPAN("provider"));
		assert_int_equal(secret_set(&s->literals[i].value, SPAN("sk-literal")), 0);
	}
	assert_int_equal(secret_set(&s->token, SPAN("token")), 0);
}

static void
the_fullest_state_fits_the_box_and_comes_back_the_same(void **state)
{
	static struct vault_state s;
	static struct vault_state back;
	struct buf a = {.max = VAULT_BOX_MAX - CRYPTO_SEAL_EXTRA};
	struct buf b = {.max = VAULT_BOX_MAX};

	(void)state;
	fill_state(&s);
	assert_int_equal(vault_state_encode(&s, &a), 0);
	assert_int_equal(vault_state_decode(buf_span(&a), &back), 0);
	assert_int_equal(vault_state_encode(&back, &b), 0);
	assert_true(span_eq(buf_span(&a), buf_span(&b)));
	for (size_t cut = 0; cut < 400; cut++) {
		memset(&back, 0, sizeof(back));
		assert_int_equal(
			vault_state_decode(span_sub(buf_span(&a), 0, cut * (a.len / 400)), &back),
			ERR_SYNTAX);
	}
	buf_clear(&a);
	buf_clear(&b);
}

/* ---- rates ---- */

static struct vault_rate rate;

static unsigned
tries(uint64_t hi, uint64_t lo, enum vault_class class, uint64_t now, unsigned n, bool good)
{
	unsigned evaluated = 0;
	uint64_t retry;

	for (unsigned i = 0; i < n; i++) {
		struct vault_source *s = vault_rate_take(&rate, hi, lo, class, now, &retry);

		if (s == NULL) {
			assert_true(retry > 0);
			continue;
		}
		evaluated++;
		if (good)
			vault_rate_good(&rate, s, class);
		else
			(void)vault_rate_bad(s, now);
	}
	return evaluated;
}

static void
a_source_has_its_burst_and_then_a_lock_that_grows(void **state)
{
	uint64_t now = 1000;
	uint64_t last_lock = 0;

	(void)state;
	rate = (struct vault_rate){0};
	vault_rate_init(&rate, now);
	assert_int_equal(tries(1, 1, VAULT_CLASS_TOKEN, now, 100, false), AUTH_TRIES_BURST);
	for (unsigned round = 0; round < 14; round++) {
		struct vault_source *s;
		uint64_t retry = 0;
		uint64_t lock = 0;

		/* wait until it may try again, then fail once more */
		while ((s = vault_rate_take(&rate, 1, 1, VAULT_CLASS_TOKEN, now, &retry)) == NULL)
			now += retry;
		assert_true(vault_rate_bad(s, now));
		lock = s->locked_until_ms - now;
		assert_true(lock >= last_lock && lock <= AUTH_LOCKOUT_MAX_MS);
		last_lock = lock;
	}
	assert_int_equal(last_lock, AUTH_LOCKOUT_MAX_MS);
}

/* Asked so often that every question falls between two thousandths of a try: none of them may be lost. */
static void
a_minute_gives_a_source_its_tries_back(void **state)
{
	static struct vault_rate r;
	uint64_t wait;
	unsigned n = 0;

	(void)state;
	vault_rate_init(&r, 1000);
	while (vault_rate_take(&r, 0, 7, VAULT_CLASS_TOKEN, 1000, &wait) != NULL)
		n++;
	assert_int_equal(n, AUTH_TRIES_BURST);
	n = 0;
	for (uint64_t ms = 7; ms <= 60004; ms += 7)
		n += vault_rate_take(&r, 0, 7, VAULT_CLASS_TOKEN, 1000 + ms, &wait) != NULL;
	assert_int_equal(n, AUTH_TRIES_PER_MIN);
	assert_null(vault_rate_take(&r, 0, 7, VAULT_CLASS_TOKEN, 61000, &wait));
}

static void
a_good_credential_costs_nothing(void **state)
{
	(void)state;
	rate = (struct vault_rate){0};
	vault_rate_init(&rate, 1000);
	assert_int_equal(tries(1, 1, VAULT_CLASS_TOKEN, 1000, 5000, true), 5000);
	assert_int_equal(tries(1, 1, VAULT_CLASS_TOKEN, 1000, 100, false), AUTH_TRIES_BURST);
}

static void
one_host_is_one_source_however_it_is_written(void **state)
{
	(void)state;
	rate = (struct vault_rate){0};
	vault_rate_init(&rate, 1000);
	/* IPv4 plain and mapped */
	assert_int_equal(tries(0, 0x7f000001u, VAULT_CLASS_TOKEN, 1000, 6, false) +
				 tries(0, 0xffff7f000001u, VAULT_CLASS_PASSWORD, 1000, 100, false),
		AUTH_TRIES_BURST);
	/* a /64 of IPv6 */
	assert_int_equal(tries(0x20010db800000001u, 1, VAULT_CLASS_TOKEN, 1000, 6, false) +
				 tries(0x20010db800000001u, 0xffffffffu, VAULT_CLASS_COOKIE, 1000,
					 100, false),
		AUTH_TRIES_BURST);
	assert_int_equal(tries(0x20010db800000002u, 1, VAULT_CLASS_TOKEN, 1000, 1, false), 1);
}

static void
many_sources_share_the_budget_of_their_class_and_of_all(void **state)
{
	unsigned n = 0;

	(void)state;
	rate = (struct vault_rate){0};
	vault_rate_init(&rate, 1000);
	for (uint64_t i = 1; i <= 2 * AUTH_SOURCES_MAX; i++)
		n += tries(i << 32, 0, VAULT_CLASS_TOKEN, 1000, 1, false);
	assert_int_equal(n, AUTH_CLASS_PER_MIN);
	for (uint64_t i = 1; i <= 2000; i++)
		n += tries(i << 40, 0, (enum vault_class)(i % VAULT_CLASS_N), 1000, 1, false);
	assert_int_equal(n, AUTH_GLOBAL_PER_MIN);
	/* a minute later as many again */
	for (uint64_t i = 1; i <= 4000; i++)
		n += tries(i << 44, 0, (enum vault_class)(i % VAULT_CLASS_N), 61000, 1, false);
	assert_int_equal(n, 2 * AUTH_GLOBAL_PER_MIN);
}

static void
scopes_are_the_known_names_and_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(
		vault_scopes_parse(SPAN("operator.read,operator.admin")), SCOPE_READ | SCOPE_ADMIN);
	assert_int_equal(vault_scopes_parse(SPAN(
				 "operator.readx,Operator.read, operator.read,operator.*,admin,,")),
		0);
	assert_int_equal(vault_scopes_parse(SPAN_EMPTY), 0);
}

/* ---- things good for once ---- */

static struct child test_child;
static struct vault vault;

static void
vault_begin(void)
{
	struct buf got;

	memset(&vault, 0, sizeof(vault));
	test_child.ev = ev_new();
	vault.child = &test_child;
	assert_int_equal(open_into(memfd(), KEY, &vault.box, &got), 0);
	vault_rate_init(&vault.rate, ev_now_ms(test_child.ev));
}

static void
vault_end(void)
{
	close(vault.box.fd);
	ev_free(test_child.ev);
}

static struct vault_answer
claim(struct span code, struct buf *cookie)
{
	*cookie = (struct buf){.max = 128};
	return vault_claim(&vault,
		&(struct anon_vault_claim){.source_lo = crypto_random_u64() >> 32, .code = code},
		cookie);
}

static void
the_oldest_link_gives_way_to_one_too_many(void **state)
{
	struct buf codes[VAULT_CODES_MAX + 1];
	struct buf cookie;

	(void)state;
	vault_begin();
	for (size_t i = 0; i <= VAULT_CODES_MAX; i++) {
		codes[i] = (struct buf){.max = 128};
		usleep(1100); /* another millisecond, and so another age */
		(void)ev_turn(test_child.ev, 0);
		assert_int_equal(vault_code_new(&vault, &codes[i]), 0);
	}
	for (size_t i = 0; i <= VAULT_CODES_MAX; i++) {
		assert_int_equal(
			claim(buf_span(&codes[i]), &cookie).why, i == 0 ? AUTH_MISMATCH : AUTH_OK);
		buf_clear(&cookie);
		buf_clear(&codes[i]);
	}
	vault_end();
}

static void
a_link_is_too_old_after_its_time(void **state)
{
	struct buf code = {.max = 128};
	struct buf cookie;

	(void)state;
	vault_begin();
	assert_int_equal(vault_code_new(&vault, &code), 0);
	vault.codes[0].expires_ms -= CLAIM_TTL_MS;
	assert_int_equal(claim(buf_span(&code), &cookie).why, AUTH_EXPIRED);
	assert_int_equal(claim(buf_span(&code), &cookie).why, AUTH_MISMATCH);
	buf_clear(&code);
	vault_end();
}

static void
the_oldest_browser_session_gives_way_and_an_old_one_is_no_good(void **state)
{
	static struct buf cookies[VAULT_COOKIES_MAX + 1];
	bool expired;

	(void)state;
	vault_begin();
	for (size_t i = 0; i <= VAULT_COOKIES_MAX; i++) {
		struct buf code = {.max = 128};

		assert_int_equal(vault_code_new(&vault, &code), 0);
		assert_int_equal(claim(buf_span(&code), &cookies[i]).why, AUTH_OK);
		buf_clear(&code);
	}
	assert_false(vault_cookie_is_good(&vault, buf_span(&cookies[0]), &expired));
	assert_false(expired);
	for (size_t i = 1; i <= VAULT_COOKIES_MAX; i++)
		assert_true(vault_cookie_is_good(&vault, buf_span(&cookies[i]), &expired));
	vault.state.cookies[VAULT_COOKIES_MAX - 1].expires_ms -= COOKIE_TTL_MS;
	assert_false(vault_cookie_is_good(&vault, buf_span(&cookies[VAULT_COOKIES_MAX]), &expired));
	assert_true(expired);
	for (size_t i = 0; i <= VAULT_COOKIES_MAX; i++)
		buf_clear(&cookies[i]);
	vault_end();
}

static void
a_ticket_is_too_old_after_its_time(void **state)
{
	const struct vault_answer a = {.principal = 5, .device = -1};
	uint8_t ticket[VAULT_RANDOM_LEN];

	(void)state;
	vault_begin();
	assert_int_equal(vault_ticket_new(&vault, &a, ticket), 0);
	assert_non_null(vault_ticket_redeem(&vault, span_of(ticket, sizeof(ticket)), 5));
	assert_int_equal(vault_ticket_new(&vault, &a, ticket), 0);
	vault.tickets[0].expires_ms -= TICKET_TTL_MS;
	assert_null(vault_ticket_redeem(&vault, span_of(ticket, sizeof(ticket)), 5));
	assert_null(vault_ticket_redeem(&vault, SPAN_EMPTY, 0));
	vault_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_box_gives_back_what_was_written_last),
		cmocka_unit_test(another_key_or_another_file_opens_nothing),
		cmocka_unit_test(a_passphrase_opens_it_too),
		cmocka_unit_test(a_kill_at_any_moment_of_a_write_leaves_the_old_or_the_new),
		cmocka_unit_test(content_above_the_limit_is_refused_and_the_old_stays),
		cmocka_unit_test(the_fullest_state_fits_the_box_and_comes_back_the_same),
		cmocka_unit_test(a_source_has_its_burst_and_then_a_lock_that_grows),
		cmocka_unit_test(a_minute_gives_a_source_its_tries_back),
		cmocka_unit_test(a_good_credential_costs_nothing),
		cmocka_unit_test(one_host_is_one_source_however_it_is_written),
		cmocka_unit_test(many_sources_share_the_budget_of_their_class_and_of_all),
		cmocka_unit_test(the_oldest_link_gives_way_to_one_too_many),
		cmocka_unit_test(a_link_is_too_old_after_its_time),
		cmocka_unit_test(the_oldest_browser_session_gives_way_and_an_old_one_is_no_good),
		cmocka_unit_test(a_ticket_is_too_old_after_its_time),
		cmocka_unit_test(scopes_are_the_known_names_and_nothing_else),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
