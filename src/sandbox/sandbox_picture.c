/*
 * The assistant's picture. A tool may have written the file, and whoever looks at it is somebody's browser: a cell reads it like
 * any file of the workspace, and only what begins like a picture of a kind that cannot hold a program goes on.
 */
#include "sandbox.h"

#include <stdlib.h>
#include <unistd.h>

#include "args/args.h"
#include "base/err.h"
#include "base/log.h"
#include "base/weak.h"
#include "crypto/crypto_encode.h"
#include "ipc/ipc.h"
#include "proto/tools.h"

struct sandbox_picture {
	struct sandbox *sandbox;
	struct sandbox_cell *cell; /* NULL: it waits for its turn */
	struct buf bytes;
	bool too_large;
	uint64_t req; /* core's; 0: nobody waits any more */
};

/* A dot stands for any byte. */
static const struct {
	struct span magic;
	const char *type;
} kinds[] = {
	{SPAN("\x89PNG\r\n\x1a\n"), "image/png"},
	{SPAN("\xff\xd8\xff"), "image/jpeg"},
	{SPAN("GIF87a"), "image/gif"},
	{SPAN("GIF89a"), "image/gif"},
	{SPAN("RIFF....WEBP"), "image/webp"},
};

static bool
is_kind(struct span bytes, struct span magic)
{
	if (bytes.len < magic.len)
		return false;
	for (size_t i = 0; i < magic.len; i++)
		if (magic.ptr[i] != '.' && bytes.ptr[i] != magic.ptr[i])
			return false;
	return true;
}

/* NULL: no picture. */
static const char *
type_of(struct span bytes)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (is_kind(bytes, kinds[i].magic))
			return kinds[i].type;
	return WEAK(PICTURE_TYPE) ? kinds[0].type : NULL;
}

static void
answer(struct sandbox *s, uint64_t req, struct span list)
{
	struct ipc_chan *core = child_peer(s->child, KIND_CORE, 0);
	int fd = core != NULL && req != 0 ? ipc_body_seal(list) : -1;

	if (fd < 0)
		return;
	(void)core_sandbox_picture_is_send(
		core, &(struct core_sandbox_picture_is){.req = req, .list = fd});
	close(fd);
}

static void
answer_none(struct sandbox *s, uint64_t req, const char *why)
{
	struct buf list = {.max = KIB(1)};
	struct args_out out;

	if (!s->picture_missing)
		log_warn("the assistant's picture (ui.assistant.avatar) is not shown",
			LOG_C("why", why));
	s->picture_missing = true;
	args_out_init(&out, &list, false);
	args_out_cstr(&out, "why", why);
	if (args_out_done(&out) == 0)
		answer(s, req, buf_span(&list));
	buf_clear(&list);
}

static void
answer_picture(struct sandbox *s, uint64_t req, const char *type, struct span bytes)
{
	struct buf text = {.max = AVATAR_MAX * 2};
	struct buf list = {.max = AVATAR_MAX * 2 + KIB(1)};
	struct args_out out;
	int rc = crypto_base64_put(&text, bytes);

	args_out_init(&out, &list, false);
	args_out_cstr(&out, "mimeType", type);
	args_out_str(&out, "data", buf_span(&text));
	if (rc == 0 && args_out_done(&out) == 0)
		answer(s, req, buf_span(&list));
	s->picture_missing = false;
	buf_clear(&text);
	buf_clear(&list);
}

/* ---- the cell ---- */

static void
on_init(struct sandbox_cell *cell, pid_t pid, int pidfd, void *arg)
{
	struct sandbox_picture *p = arg;

	(void)cell;
	(void)pid;
	child_announce(p->sandbox->child, KIND_CELL, ++p->sandbox->next_key, pidfd);
}

static void
on_output(struct sandbox_cell *cell, struct span data, void *arg)
{
	struct sandbox_picture *p = arg;

	(void)cell;
	if (buf_put(&p->bytes, data) < 0)
		p->too_large = true;
}

static void
on_end(struct sandbox_cell *cell, const struct sandbox_result *r, void *arg)
{
	struct sandbox_picture *p = arg;
	struct sandbox *s = p->sandbox;
	const char *type = type_of(buf_span(&p->bytes));
	const char *why = NULL;

	(void)cell;
	s->picture = NULL;
	if (r->rc != 0)
		why = "the workspace cannot be read now";
	else if (p->too_large || r->truncated)
		why = "the file is larger than 256 KiB";
	else if (!r->ok)
		why = "no such file in the workspace, or not a plain file with one name";
	else if (type == NULL)
		why = "the file is no PNG, JPEG, GIF or WebP";
	if (why != NULL)
		answer_none(s, p->req, why);
	else
		answer_picture(s, p->req, type, buf_span(&p->bytes));
	buf_clear(&p->bytes);
	free(p);
	sandbox_proof_next(s);
	sandbox_call_next(s);
}

static const struct sandbox_ops ops = {
	.on_init = on_init, .on_output = on_output, .on_end = on_end};

static void
start_reading(struct sandbox_picture *p)
{
	struct span path = child_option_str(p->sandbox->child, "assistant.picture", SPAN_EMPTY);
	struct buf args = {.max = KIB(8)};
	struct args_out out;
	const char *step;
	int rc;

	args_out_init(&out, &args, false);
	args_out_str(&out, "path", path);
	rc = args_out_done(&out);
	if (rc == 0)
		p->cell = sandbox_cell_new(&p->sandbox->proof_env, &ops, p, &step);
	if (p->cell == NULL)
		on_end(NULL, &(struct sandbox_result){.rc = ERR_UNSUPPORTED}, p);
	else if (sandbox_cell_run(p->cell, TOOL_FILE_READ, buf_span(&args), -1, 0) < 0)
		sandbox_cell_kill(p->cell, ERR_SYS);
	buf_clear(&args);
}

bool
sandbox_picture_is_running(const struct sandbox *s)
{
	return s->picture != NULL && s->picture->cell != NULL;
}

void
sandbox_picture_next(struct sandbox *s)
{
	bool shared = s->env.tier < JAIL_TIER_USERNS; /* cells that share a uid: one at a time */

	if (s->picture == NULL || s->picture->cell != NULL)
		return;
	if (s->child->panic)
		on_end(NULL, &(struct sandbox_result){.rc = ERR_ABORTED}, s->picture);
	else if (!shared || (s->proof == NULL && !sandbox_call_is_running(s)))
		start_reading(s->picture);
}

void
sandbox_picture_ask(struct sandbox *s, uint64_t req)
{
	struct sandbox_picture *p = s->picture;

	if (child_option_str(s->child, "assistant.picture", SPAN_EMPTY).len == 0) {
		answer_none(s, req, "none is configured");
	} else if (!tool_may_run(TOOL_FILE_READ, s->env.tier)) {
		answer_none(s, req, "the sandbox tier of this machine permits no reading");
	} else if (p != NULL) {
		p->req = req; /* a new core asks; the old one is gone */
	} else {
		p = mem_alloc(1, sizeof(*p));
		p->sandbox = s;
		p->req = req;
		buf_init(&p->bytes, AVATAR_MAX);
		s->picture = p;
		sandbox_picture_next(s);
	}
}

void
sandbox_picture_forget(struct sandbox *s)
{
	if (s->picture != NULL)
		s->picture->req = 0;
}
