#include "kernel/wildcard_listeners.h"

#include "suite.h"

#define REST " 00000000:00000000 00:00000000 00000000     0        0 1\n"

static const struct {
	const char *line;
	uint16_t port; /* 0: it is none */
} lines[] = {
	{ "   0: 00000000:0016 00000000:0000 0A" REST, 22 },
	{ "  12: 00000000000000000000000000000000:5545 "
	  "00000000000000000000000000000000:0000 0A" REST,
	    21829 },
	/* A specific address, a connection, and the line on top. */
	{ "   1: 0100007F:0016 00000000:0000 0A" REST, 0 },
	{ "   1: 00000000000000000000000001000000:0016 "
	  "00000000000000000000000000000000:0000 0A" REST,
	    0 },
	{ "   2: 00000000:0016 00000000:0000 01" REST, 0 },
	{ "  sl  local_address rem_address   st tx_queue rx_queue\n", 0 },
	{ "", 0 },
};

START_TEST(a_listener_on_all_addresses_is_told_from_the_rest)
{
	uint16_t port = 0;

	ck_assert(wildcard_listeners_parse(lines[_i].line, &port) ==
	    (lines[_i].port != 0));
	ck_assert_uint_eq(port, lines[_i].port);
}
END_TEST

Suite *
suite(void)
{
	Suite *suite = suite_create("wildcard_listeners");
	TCase *tcase = tcase_create("lines");

	tcase_add_loop_test(tcase,
	    a_listener_on_all_addresses_is_told_from_the_rest, 0, COUNT(lines));
	suite_add_tcase(suite, tcase);
	return suite;
}
