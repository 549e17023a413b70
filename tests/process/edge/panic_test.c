/* edge/user and the kill switch: the supervisor is asked, and nobody else has to do anything for it. argv[1]: the program. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "edge_kit.h"
#include "proto/edge_core.h"
#include "proto/user_vault.h"

static const char *program;

#define OWNER PRINCIPAL(PRINCIPAL_TOKEN, SCOPE_ALL, 7)
#define PANIC "{\"type\":\"req\",\"id\":\"p\",\"method\":\"moltbot.panic\"}"

struct world {
	struct harness *h;
	int anon, vault, core;
	struct ipc_received *in;
};

/* Core is there and says nothing: no snapshot. */
static struct world
begin(void)
{
	struct harness_options o = {.kind = KIND_USER, .instance = OWNER, .has_clock = true};
	struct world w = {.in = mem_alloc(1, sizeof(struct ipc_received))};

	w.h = harness_new(program, "user", &o);
	w.anon = harness_peer(w.h, KIND_ANON, 0);
	w.vault = harness_peer(w.h, KIND_VAULT, 0);
	w.core = harness_peer(w.h, KIND_CORE, 0);
	harness_start(w.h);
	return w;
}

static void
finish(struct world *w, struct kit_ws *c)
{
	kit_ws_free(c);
	close(w->anon);
	close(w->vault);
	if (w->core >= 0)
		close(w->core);
	assert_int_equal(harness_free(w->h), 0);
	free(w->in);
}

static void
sign_in(struct world *w, struct kit_ws *c, uint32_t scopes)
{
	const struct user_vault_redeem *r;
	struct user_vault_principal p = {
		.ok = true, .principal = OWNER, .role = SPAN("operator"), .scopes = scopes};

	kit_ws_wrap(c, kit_hand_over(w->anon, true, "", false));
	r = harness_recv(w->vault, &user_vault_proto, IPC_SIDE_B, USER_VAULT_REDEEM, w->in);
	p.req = r->req;
	harness_send(w->vault, &user_vault_proto, IPC_SIDE_B, USER_VAULT_PRINCIPAL, &p);
	harness_settle(w->h);
	harness_pass(w->h, EDGE_HANDSHAKE_MS / 2);
	(void)kit_ws_wait(c, "\"hello-ok\"");
}

static void
core_may_stand_still(void **state)
{
	struct world w = begin();
	struct kit_ws c;

	(void)state;
	sign_in(&w, &c, SCOPE_WRITE);
	(void)harness_wait(w.core, &edge_core_proto, IPC_SIDE_B, EDGE_CORE_CLIENT, w.in);
	kit_ws_send(&c, PANIC);
	(void)harness_expect(w.h, CHILD_PANIC);
	harness_quiet(w.core, 50);
	harness_panic(w.h, true);
	assert_non_null(strstr(kit_ws_wait(&c, "\"id\":\"p\""), "\"payload\":{\"ok\":true}"));
	finish(&w, &c);
}

static void
who_may_only_read_does_not_ask(void **state)
{
	struct world w = begin();
	struct kit_ws c;

	(void)state;
	sign_in(&w, &c, SCOPE_READ);
	kit_ws_send(&c, PANIC);
	assert_non_null(strstr(kit_ws_wait(&c, "\"id\":\"p\""), "missing scope: operator.write"));
	harness_quiet(w.h->control, 50);
	finish(&w, &c);
}

/* All places are taken by calls that core does not answer, and then it ends. */
static void
there_is_a_place_for_it(void **state)
{
	struct world w = begin();
	struct kit_ws c;

	(void)state;
	sign_in(&w, &c, 0x1f);
	for (unsigned i = 0; i < EDGE_CALLS_MAX; i++)
		kit_ws_send(&c, "{\"type\":\"req\",\"id\":\"w\",\"method\":\"health\"}");
	kit_ws_send(&c, PANIC);
	(void)harness_expect(w.h, CHILD_PANIC);
	kit_ws_send(&c, PANIC);
	assert_non_null(strstr(kit_ws_wait(&c, "\"id\":\"p\""), "too many calls"));
	close(w.core);
	w.core = -1;
	harness_peer_gone(w.h, KIND_CORE, 0, 3);
	for (unsigned i = 0; i < EDGE_CALLS_MAX; i++)
		assert_non_null(strstr(kit_ws_wait(&c, "\"id\":"), "core restarted"));
	harness_panic(w.h, true);
	assert_non_null(strstr(kit_ws_wait(&c, "\"id\":\"p\""), "\"ok\":true"));
	finish(&w, &c);
}

static void
many_are_one(void **state)
{
	struct world w = begin();
	struct kit_ws c;

	(void)state;
	sign_in(&w, &c, SCOPE_WRITE);
	for (int i = 0; i < 5; i++)
		kit_ws_send(&c, PANIC);
	(void)harness_expect(w.h, CHILD_PANIC);
	harness_quiet(w.h->control, 50);
	harness_panic(w.h, false); /* somebody undid an earlier one: not yet the answer */
	harness_panic(w.h, true);
	for (int i = 0; i < 5; i++)
		assert_non_null(strstr(kit_ws_wait(&c, "\"id\":\"p\""), "\"ok\":true"));
	kit_ws_send(&c, PANIC);
	(void)harness_expect(w.h, CHILD_PANIC);
	harness_panic(w.h, true);
	(void)kit_ws_wait(&c, "\"id\":\"p\"");
	finish(&w, &c);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(core_may_stand_still),
		cmocka_unit_test(who_may_only_read_does_not_ask),
		cmocka_unit_test(there_is_a_place_for_it),
		cmocka_unit_test(many_are_one),
	};

	if (argc < 2)
		return 2;
	program = argv[1];
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
