#include "../cell.h"

#include <math.h>
#include <string.h>

#include "args/args.h"
#include "base/err.h"

/*
 * Shunting-yard over two stacks with fixed sizes. Whole numbers stay exact as long as they fit 64 bits; everything else is
 * double.
 */

#define STACK_MAX 256

struct value {
	bool exact;
	int64_t i;
	double d;
};

struct calc {
	struct span rest;
	struct value values[STACK_MAX];
	size_t nvalues;
	struct op {
		char kind; /* + - * / % ^ ( f(unction) n(egation) */
		uint8_t fn;
		uint8_t nargs;
	} ops[STACK_MAX];
	size_t nops;
	const char *error;
};

enum {
	FN_SQRT,
	FN_ABS,
	FN_ROUND,
	FN_FLOOR,
	FN_CEIL,
	FN_MIN,
	FN_MAX,
	FN_LN,
	FN_LOG,
	FN_SIN,
	FN_COS,
	FN_TAN,
	FN_N
};
static const char *const fn_names[FN_N] = {
	"sqrt", "abs", "round", "floor", "ceil", "min", "max", "ln", "log", "sin", "cos", "tan"};

static struct value
whole(int64_t i)
{
	return (struct value){.exact = true, .i = i, .d = (double)i};
}

static struct value
real(double d)
{
	return (struct value){.d = d};
}

static bool
fail(struct calc *c, const char *why)
{
	if (c->error == NULL)
		c->error = why;
	return false;
}

static bool
push(struct calc *c, struct value v)
{
	if (c->nvalues == STACK_MAX)
		return fail(c, "too long");
	c->values[c->nvalues++] = v;
	return true;
}

static bool
pop(struct calc *c, struct value *v)
{
	if (c->nvalues == 0)
		return fail(c, "a number is missing");
	*v = c->values[--c->nvalues];
	return true;
}

static bool
power(struct calc *c, struct value a, struct value b)
{
	int64_t r = 1;

	if (!a.exact || !b.exact || b.i < 0)
		return push(c, real(pow(a.d, b.d)));
	for (int64_t n = b.i, x = a.i; n > 0; n >>= 1) {
		if ((n & 1) && __builtin_mul_overflow(r, x, &r))
			return push(c, real(pow(a.d, b.d)));
		if (n > 1 && __builtin_mul_overflow(x, x, &x))
			return push(c, real(pow(a.d, b.d)));
	}
	return push(c, whole(r));
}

static bool
divide(struct calc *c, char kind, struct value a, struct value b)
{
	if (b.d == 0)
		return fail(c, "division by zero");
	if (a.exact && b.exact && b.i != -1) {
		if (kind == '%')
			return push(c, whole(a.i % b.i));
		if (a.i % b.i == 0)
			return push(c, whole(a.i / b.i));
	}
	return push(c, real(kind == '%' ? fmod(a.d, b.d) : a.d / b.d));
}

static bool
binary(struct calc *c, char kind)
{
	struct value a = {0};
	struct value b = {0};
	int64_t r;

	if (!pop(c, &b) || !pop(c, &a))
		return false;
	switch (kind) {
	case '+':
		if (a.exact && b.exact && !__builtin_add_overflow(a.i, b.i, &r))
			return push(c, whole(r));
		return push(c, real(a.d + b.d));
	case '-':
		if (a.exact && b.exact && !__builtin_sub_overflow(a.i, b.i, &r))
			return push(c, whole(r));
		return push(c, real(a.d - b.d));
	case '*':
		if (a.exact && b.exact && !__builtin_mul_overflow(a.i, b.i, &r))
			return push(c, whole(r));
		return push(c, real(a.d * b.d));
	case '^':
		return power(c, a, b);
	default:
		return divide(c, kind, a, b);
	}
}

static struct value
rounded(double d)
{
	if (d >= -9.2e18 && d <= 9.2e18)
		return whole((int64_t)d);
	return real(d);
}

static bool
unary(struct calc *c, uint8_t fn)
{
	static double (*const reals[FN_N])(double) = {[FN_SQRT] = sqrt,
		[FN_LN] = log,
		[FN_LOG] = log10,
		[FN_SIN] = sin,
		[FN_COS] = cos,
		[FN_TAN] = tan};
	struct value a;

	if (!pop(c, &a))
		return false;
	if (fn == FN_SQRT && a.exact && a.i >= 0) {
		int64_t r = (int64_t)sqrt(a.d);

		if (r < 3037000499 && r * r == a.i)
			return push(c, whole(r));
	}
	if ((fn == FN_SQRT && a.d < 0) || ((fn == FN_LN || fn == FN_LOG) && a.d <= 0))
		return fail(c, "outside the function's domain");
	if (reals[fn] != NULL)
		return push(c, real(reals[fn](a.d)));
	if (fn == FN_ABS)
		return push(c, a.exact && a.i != INT64_MIN ? whole(a.i < 0 ? -a.i : a.i)
							   : real(fabs(a.d)));
	if (a.exact)
		return push(c, a);
	return push(c, rounded(fn == FN_ROUND   ? round(a.d)
			       : fn == FN_FLOOR ? floor(a.d)
						: ceil(a.d)));
}

static bool
call_function(struct calc *c, uint8_t fn, unsigned nargs)
{
	struct value best, v;

	if (fn != FN_MIN && fn != FN_MAX)
		return nargs == 1 ? unary(c, fn) : fail(c, "this function takes one number");
	if (!pop(c, &best))
		return false;
	while (--nargs > 0) {
		if (!pop(c, &v))
			return false;
		if (fn == FN_MIN ? v.d < best.d : v.d > best.d)
			best = v;
	}
	return push(c, best);
}

static bool
apply(struct calc *c)
{
	struct op op = c->ops[--c->nops];
	struct value a;

	if (op.kind != 'n')
		return binary(c, op.kind);
	if (!pop(c, &a))
		return false;
	return push(c, a.exact && a.i != INT64_MIN ? whole(-a.i) : real(-a.d));
}

static int
rank(char kind)
{
	return kind == '+' || kind == '-'                  ? 1
	       : kind == '*' || kind == '/' || kind == '%' ? 2
	       : kind == 'n'                               ? 3
							   : 4;
}

static bool
push_op(struct calc *c, struct op op)
{
	if (c->nops == STACK_MAX)
		return fail(c, "nested too deeply");
	c->ops[c->nops++] = op;
	return true;
}

static bool
operator_(struct calc *c, char kind)
{
	while (c->nops > 0) {
		char top = c->ops[c->nops - 1].kind;

		if (top == '(' || top == 'f')
			break;
		/* a ^ b ^ c is a ^ (b ^ c), and a sign binds weaker than a power on its right */
		if (rank(top) < rank(kind) || (rank(top) == rank(kind) && kind == '^'))
			break;
		if (!apply(c))
			return false;
	}
	return push_op(c, (struct op){.kind = kind});
}

/* Everything back to the parenthesis that is open; it stays. */
static bool
unwind(struct calc *c)
{
	while (c->nops > 0 && c->ops[c->nops - 1].kind != '(')
		if (!apply(c))
			return false;
	return c->nops > 0 ? true : fail(c, "a parenthesis is closed that was not opened");
}

static bool
close_parenthesis(struct calc *c)
{
	struct op open;

	if (!unwind(c))
		return false;
	open = c->ops[--c->nops];
	if (c->nops == 0 || c->ops[c->nops - 1].kind != 'f')
		return open.nargs == 1 ? true : fail(c, "a comma stands outside a function");
	c->nops--;
	return call_function(c, c->ops[c->nops].fn, open.nargs);
}

static bool
number(struct calc *c)
{
	char text[64];
	char *end;
	size_t n = 0;
	bool point = false;
	uint64_t u;

	while (n < c->rest.len) {
		uint8_t ch = c->rest.ptr[n];
		bool exponent = n > 0 && (c->rest.ptr[n - 1] == 'e' || c->rest.ptr[n - 1] == 'E');

		if (ch == '.' || ((ch == 'e' || ch == 'E') && n > 0) ||
			((ch == '+' || ch == '-') && exponent))
			point = true;
		else if (ch < '0' || ch > '9')
			break;
		n++;
	}
	if (!point && span_to_u64(span_sub(c->rest, 0, n), 0, INT64_MAX, &u) == 0) {
		c->rest = span_sub(c->rest, n, c->rest.len);
		return push(c, whole((int64_t)u));
	}
	if (span_to_cstr(span_sub(c->rest, 0, n), text, sizeof(text)) < 0)
		return fail(c, "a number is too long");
	double d = strtod(text, &end);
	if (*end != '\0')
		return fail(c, "a number is malformed");
	c->rest = span_sub(c->rest, n, c->rest.len);
	return push(c, real(d));
}

/* A constant (true: a value is now complete) or the name of a function before its parenthesis. */
static bool
word(struct calc *c, bool *value)
{
	size_t n = 0;
	struct span name;

	while (n < c->rest.len && ((c->rest.ptr[n] | 32) >= 'a' && (c->rest.ptr[n] | 32) <= 'z'))
		n++;
	name = span_sub(c->rest, 0, n);
	c->rest = span_trim(span_sub(c->rest, n, c->rest.len));
	*value = true;
	if (span_eq_nocase(name, SPAN("pi")))
		return push(c, real(M_PI));
	if (span_eq_nocase(name, SPAN("e")))
		return push(c, real(M_E));
	*value = false;
	for (unsigned f = 0; f < FN_N; f++) {
		if (!span_eq_nocase(name, span_from_cstr(fn_names[f])))
			continue;
		if (c->rest.len == 0 || c->rest.ptr[0] != '(')
			return fail(c, "a function needs its parenthesis");
		c->rest = span_sub(c->rest, 1, c->rest.len);
		return push_op(c, (struct op){.kind = 'f', .fn = (uint8_t)f}) &&
		       push_op(c, (struct op){.kind = '(', .nargs = 1});
	}
	return fail(c,
		"unknown name (known: sqrt abs round floor ceil min max ln log sin cos tan pi e)");
}

/* Where a number is expected. */
static bool
operand(struct calc *c, bool *value)
{
	uint8_t ch = c->rest.ptr[0];

	*value = false;
	if ((ch >= '0' && ch <= '9') || ch == '.') {
		*value = true;
		return number(c);
	}
	if ((ch | 32) >= 'a' && (ch | 32) <= 'z')
		return word(c, value);
	c->rest = span_sub(c->rest, 1, c->rest.len);
	if (ch == '(')
		return push_op(c, (struct op){.kind = '(', .nargs = 1});
	if (ch == '-')
		return push_op(c, (struct op){.kind = 'n'});
	return ch == '+' ? true : fail(c, "a number is expected");
}

/* Behind a number. */
static bool
operation(struct calc *c, bool *value)
{
	uint8_t ch = c->rest.ptr[0];

	c->rest = span_sub(c->rest, 1, c->rest.len);
	if (ch == ')')
		return close_parenthesis(c);
	*value = false;
	if (ch == ',') {
		if (!unwind(c))
			return false;
		return ++c->ops[c->nops - 1].nargs < 200 ? true : fail(c, "too many numbers");
	}
	if (memchr("+-*/%^", ch, 6) != NULL)
		return operator_(c, (char)ch);
	return fail(c, "an operator is expected");
}

static bool
evaluate(struct calc *c, struct value *out)
{
	bool value = false;

	while ((c->rest = span_trim(c->rest)).len > 0)
		if (!(value ? operation(c, &value) : operand(c, &value)))
			return false;
	if (!value)
		return fail(c, "the expression ends where a number is expected");
	while (c->nops > 0) {
		if (c->ops[c->nops - 1].kind == '(')
			return fail(c, "a parenthesis is not closed");
		if (!apply(c))
			return false;
	}
	return pop(c, out) && (c->nvalues == 0 || fail(c, "malformed"));
}

static void
put_value(struct buf *out, struct value v)
{
	char text[64];

	if (v.exact) {
		(void)buf_put_i64_dec(out, v.i);
		return;
	}
	/* The shortest text that reads back as the same number. */
	for (int digits = 15; digits <= 17; digits++) {
		(void)snprintf(text, sizeof(text), "%.*g", digits, v.d);
		if (strtod(text, NULL) == v.d)
			break;
	}
	(void)buf_put_cstr(out, text);
}

void
tool_calculator(struct cell_call *call)
{
	static struct calc c;
	struct span expression = SPAN_EMPTY;
	struct value v = {.exact = false};

	(void)args_get_str(call->args, "expression", &expression);
	c = (struct calc){.rest = expression};
	if (!evaluate(&c, &v))
		cell_say_error(call, "calculator", expression, c.error);
	else if (!v.exact && !isfinite(v.d))
		cell_say_error(call, "calculator", expression, "the result is not a finite number");
	else
		put_value(&call->result->text, v);
}
