/* Where the gateway listens, who it is to the outside, and how clients sign in. */
#include "config.h"

#include "base/limits.h"
#include "base/log.h"
#include "url/url.h"

static void
listen_at(struct config *c, struct addr addr)
{
	if (c->nlisten < CONFIG_LISTEN_MAX)
		c->listen[c->nlisten++] = (struct config_listen){.addr = addr, .port = c->port};
}

static void
listen_loopback(struct config *c)
{
	listen_at(c, (struct addr){.family = 4, .bytes = {127, 0, 0, 1}});
	listen_at(c, (struct addr){.family = 6, .bytes = {[15] = 1}});
}

/* A port that comes from a variable has no place in the file. */
static bool
port_of(struct config *c, struct span name, struct span text, uint32_t *port)
{
	uint64_t v;

	if (span_to_u64(text, 1, 65535, &v) < 0) {
		config_mistake(c, (struct json_pos){0},
			"the variable %.*s is no port: expected a number from 1 to 65535",
			CONFIG_S(name));
		return false;
	}
	*port = (uint32_t)v;
	return true;
}

static void
choose_port(struct config *c)
{
	struct span name;
	struct span text;

	c->port = (uint32_t)config_number(c, OPT_GATEWAY_PORT);
	if (config_env_get_ours(c, "GATEWAY_PORT", &name, &text))
		(void)port_of(c, name, text, &c->port);
	else if (c->is_railway && config_env_get(c, SPAN("PORT"), &text))
		(void)port_of(c, SPAN("PORT"), text, &c->port);
}

/* Beyond this machine only behind something that ends TLS. */
static void
need_tls(struct config *c, const char *what)
{
	if (!c->behind_tls && !config_truth(c, OPT_TLS))
		config_mistake(c, c->values[OPT_GATEWAY_BIND].at,
			"gateway.bind: %s can be reached from other machines in clear text; with a "
			"TLS proxy in front add gateway: { behindTlsProxy: true }, without one "
			"gateway: { tls: { enabled: true } }, else use \"loopback\"",
			what);
}

static void
listen_custom(struct config *c)
{
	struct span text = config_text(c, OPT_GATEWAY_CUSTOM_BIND);
	struct json_pos at = c->values[OPT_GATEWAY_CUSTOM_BIND].at;
	struct addr addr;

	if (!c->values[OPT_GATEWAY_CUSTOM_BIND].set) {
		config_mistake(c, c->values[OPT_GATEWAY_BIND].at,
			"gateway.bind: \"custom\" needs gateway.customBindHost with an address");
		return;
	}
	if (addr_parse(text, &addr) < 0) {
		config_mistake(c, at,
			"gateway.customBindHost: expected a literal address such as 192.168.1.5 or "
			"fd00::5");
		return;
	}
	if (addr_classify(&addr) != ADDR_LOOPBACK)
		need_tls(c, "this address");
	listen_at(c, addr);
}

static bool
is_bind(struct span text)
{
	struct span words = span_from_cstr(option_rows[OPT_GATEWAY_BIND].values);

	while (words.len > 0) {
		if (span_eq(span_cut(&words, ' '), text))
			return true;
	}
	return false;
}

/* The variable of `gateway run --bind`: a word of gateway.bind, or an address itself. It counts before the file. */
static bool
listen_as_asked(struct config *c, struct span *bind)
{
	struct span name;
	struct span text;
	struct addr addr;

	if (!config_env_get_ours(c, "GATEWAY_BIND", &name, &text))
		return false;
	if (is_bind(text)) {
		*bind = text;
		return false;
	}
	if (addr_parse(text, &addr) < 0) {
		config_mistake(c, (struct json_pos){0},
			"the variable %.*s says \"%.*s\": expected one of %s, or a literal "
			"address such as 192.168.1.5",
			CONFIG_S(name), CONFIG_S(text), option_rows[OPT_GATEWAY_BIND].values);
		return true;
	}
	if (addr_classify(&addr) != ADDR_LOOPBACK)
		need_tls(c, "this address");
	listen_at(c, addr);
	return true;
}

static void
choose_bind(struct config *c)
{
	struct span bind = config_text(c, OPT_GATEWAY_BIND);
	struct json_pos at = c->values[OPT_GATEWAY_BIND].at;

	if (c->is_railway && !c->values[OPT_GATEWAY_BIND].set)
		bind = SPAN("lan");
	if (listen_as_asked(c, &bind))
		return;
	if (span_eq(bind, SPAN("lan"))) {
		need_tls(c, "\"lan\"");
		listen_at(c, (struct addr){.family = 4});
		return;
	}
	if (span_eq(bind, SPAN("custom"))) {
		listen_custom(c);
		return;
	}
	if (span_eq(bind, SPAN("tailnet")))
		config_warn(c, at,
			"gateway.bind: Tailscale is not in this version; the gateway listens at "
			"loopback");
	if (c->is_railway)
		config_warn(c, at,
			"gateway.bind: on Railway nothing reaches loopback; leave gateway.bind "
			"out");
	listen_loopback(c);
}

/* What edge could not hold is not left out in silence. */
static void
check_lengths(struct config *c)
{
	static const enum option lists[] = {
		OPT_GATEWAY_HOSTS, OPT_GATEWAY_ORIGINS, OPT_GATEWAY_PROXIES};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const struct config_setting *v = &c->values[lists[i]];

		if (v->n > EDGE_HOSTS_MAX)
			config_mistake(c, v->items[EDGE_HOSTS_MAX].at, "%s: more than %u entries",
				option_rows[lists[i]].path, EDGE_HOSTS_MAX);
	}
}

static void
check_addresses(struct config *c, enum option option)
{
	const struct config_setting *v = &c->values[option];
	struct addr addr;

	for (size_t i = 0; i < v->n; i++) {
		if (addr_parse(v->items[i].s, &addr) < 0)
			config_mistake(c, v->items[i].at,
				"%s: \"%.*s\" is no address; names and ranges are not accepted",
				option_rows[option].path, CONFIG_S(v->items[i].s));
	}
}

static void
check_origins(struct config *c)
{
	const struct config_setting *v = &c->values[OPT_GATEWAY_ORIGINS];
	struct url url;

	for (size_t i = 0; i < v->n; i++) {
		struct buf canonical = {.max = URL_MAX};

		if (url_parse_origin(v->items[i].s, &url) < 0)
			config_mistake(c, v->items[i].at,
				"gateway.allowedOrigins: \"%.*s\" is no origin; expected "
				"scheme://host[:port] and nothing else",
				CONFIG_S(v->items[i].s));
		else if (url_origin_put(&canonical, &url) == 0)
			v->items[i].s = config_copy(c, buf_span(&canonical));
		buf_clear(&canonical);
	}
}

/* name or name:port, as a Host header has it */
static bool
is_host(struct span s)
{
	struct buf b = {.max = 600};
	struct url url;
	bool ok;

	buf_put_cstr(&b, "https://");
	buf_put(&b, s);
	ok = b.err == 0 && span_find_byte(s, '/') < 0 && span_find_byte(s, '?') < 0 &&
	     span_find_byte(s, '#') < 0 && url_parse(buf_span(&b), 0, &url) == 0;
	buf_clear(&b);
	return ok;
}

static void
check_hosts(struct config *c)
{
	const struct config_setting *v = &c->values[OPT_GATEWAY_HOSTS];

	for (size_t i = 0; i < v->n; i++) {
		if (!is_host(v->items[i].s))
			config_mistake(c, v->items[i].at,
				"gateway.allowedHosts: \"%.*s\" is no host; expected name or "
				"name:port, without wildcards",
				CONFIG_S(v->items[i].s));
	}
	if (c->domain.len > 0 && !is_host(c->domain))
		config_mistake(c, c->values[OPT_GATEWAY_PUBLIC_DOMAIN].at,
			"gateway.publicDomain: expected a name such as chat.example.org");
}

static void
check_ui(struct config *c)
{
	struct span base = config_text(c, OPT_GATEWAY_UI_BASE);
	const struct config_setting *v = &c->values[OPT_GATEWAY_UI_BASE];
	bool ok = base.len == 0 || (base.ptr[0] == '/' && base.ptr[base.len - 1] != '/');

	for (size_t i = 0; ok && i < base.len; i++) {
		uint8_t b = base.ptr[i];

		ok = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') ||
		     b == '/' || b == '-' || b == '_';
		if (b == '/' && i > 0 && base.ptr[i - 1] == '/')
			ok = false;
	}
	if (!ok)
		config_mistake(c, v->at,
			"gateway.controlUi.basePath: expected \"\" or a path such as \"/moltbot\" "
			"of letters, digits, - and _");
	if (config_truth(c, OPT_GATEWAY_UI_INSECURE))
		config_warn(c, c->values[OPT_GATEWAY_UI_INSECURE].at,
			"gateway.controlUi.allowInsecureAuth: has no effect; clear text beyond "
			"this machine is never accepted");
}

static void
choose_auth(struct config *c)
{
	const struct config_setting *mode = &c->values[OPT_GATEWAY_AUTH_MODE];
	struct span name;
	bool password = c->values[OPT_GATEWAY_AUTH_PASSWORD].set ||
			config_env_is_secret_ours(c, "GATEWAY_PASSWORD", &name);

	c->is_password = mode->set ? span_eq(mode->s, SPAN("password")) : password;
	if (c->is_password && !password)
		config_mistake(c, mode->at,
			"gateway.auth.mode: \"password\" needs a password: set "
			"gateway.auth.password to ${MOLTBOT_GATEWAY_PASSWORD} and that variable");
	if (c->is_password && span_eq(config_text(c, OPT_GATEWAY_MODE), SPAN("remote")))
		config_mistake(c, mode->set ? mode->at : c->values[OPT_GATEWAY_MODE].at,
			"gateway.auth.mode: gateway.mode \"remote\" needs token authentication; "
			"expected \"token\"");
}

/* Files of the owner's come as two; without them there is a certificate of our own. */
static void
choose_tls(struct config *c)
{
	const struct config_setting *cert = &c->values[OPT_TLS_CERT];
	const struct config_setting *key = &c->values[OPT_TLS_KEY_PATH];
	uint64_t mode = cert->set || key->set ? TLS_FILES : TLS_OWN;

	c->number_set[VALUE_TLS] = true;
	c->numbers[VALUE_TLS] = config_truth(c, OPT_TLS) ? mode : TLS_OFF;
	if (!config_truth(c, OPT_TLS))
		return;
	if (c->behind_tls)
		config_mistake(c, c->values[OPT_TLS].at,
			"gateway.tls.enabled: with gateway.behindTlsProxy (which is on by itself "
			"on "
			"Railway) the proxy has TLS; expected one of the two");
	if (cert->set != key->set)
		config_mistake(c, (cert->set ? cert : key)->at,
			"gateway.tls.certPath and gateway.tls.keyPath belong together: expected "
			"both, or "
			"neither for a certificate of the gateway's own");
	for (size_t i = 0; i < 2; i++) {
		const struct config_setting *file = i == 0 ? cert : key;

		if (file->set && (file->s.len == 0 || file->s.ptr[0] != '/'))
			config_mistake(c, file->at, "%s: expected an absolute path",
				option_rows[i == 0 ? OPT_TLS_CERT : OPT_TLS_KEY_PATH].path);
	}
	if (!cert->set && !key->set && !config_truth(c, OPT_TLS_AUTO))
		config_mistake(c, c->values[OPT_TLS_AUTO].at,
			"gateway.tls.autoGenerate: false needs gateway.tls.certPath and "
			"gateway.tls.keyPath");
}

/* Only the command line uses it; what it would refuse is a mistake here. */
static void
check_remote(struct config *c)
{
	const struct config_setting *url = &c->values[OPT_REMOTE_URL];
	const struct config_setting *pin = &c->values[OPT_REMOTE_FINGERPRINT];
	size_t digits = 0;
	bool good = true;

	if (url->set && !span_starts_with(url->s, SPAN("wss://")) &&
		!span_starts_with(url->s, SPAN("ws://")))
		config_mistake(c, url->at, "gateway.remote.url: expected wss://HOST[:PORT]");
	if (!pin->set)
		return;
	for (size_t i = span_eq_nocase(span_sub(pin->s, 0, 7), SPAN("sha256:")) ? 7 : 0;
		i < pin->s.len; i++) {
		uint8_t d = pin->s.ptr[i];
		bool is_digit =
			(d >= '0' && d <= '9') || (d >= 'a' && d <= 'f') || (d >= 'A' && d <= 'F');

		digits += is_digit;
		good = good && (is_digit || d == ':');
	}
	if (!good || digits != 64)
		config_mistake(c, pin->at,
			"gateway.remote.tlsFingerprint: expected a SHA-256, 64 digits of hex with "
			"colons or without");
}

void
config_gateway(struct config *c)
{
	c->is_railway = config_env_has_prefix(c, SPAN("RAILWAY_"));
	c->behind_tls = c->values[OPT_GATEWAY_BEHIND_TLS].set
				? config_truth(c, OPT_GATEWAY_BEHIND_TLS)
				: c->is_railway;
	c->domain = config_text(c, OPT_GATEWAY_PUBLIC_DOMAIN);
	if (c->domain.len == 0 && c->is_railway)
		(void)config_env_get(c, SPAN("RAILWAY_PUBLIC_DOMAIN"), &c->domain);
	choose_port(c);
	choose_tls(c);
	choose_bind(c);
	choose_auth(c);
	check_lengths(c);
	check_addresses(c, OPT_GATEWAY_PROXIES);
	check_origins(c);
	check_hosts(c);
	check_ui(c);
	check_remote(c);
}
