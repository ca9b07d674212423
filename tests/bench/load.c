#include "load.h"

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PORT 7

/* The process ends after this time, whatever goes wrong. */
#define LIMIT_S 300

static const struct mode {
	const char *name;
	void (*run)(const struct options *options);
	bool has_address;
} modes[] = {
	{ "serve", serve, true },
	{ "connect", make_connections, true },
	{ "pingpong", make_round_trips, true },
	{ "stream", stream, true },
	{ "floor", hold_threads, false },
	{ "burn", keep_busy, false },
};

static void __attribute__((noreturn)) print_usage(FILE *stream, int status)
{
	fputs("usage: load [OPTION...] serve|connect|pingpong|stream ADDRESS\n"
	      "       load [OPTION...] floor|burn\n"
	      "\n"
	      "  -n COUNT       connections; for connect: at a time [1]\n"
	      "  -t MS          how long [1000]\n"
	      "  -w COUNT       threads [1]\n"
	      "  -s BYTES       size of a round trip's message [64]\n"
	      "  -p FIRST+COUNT source ports to use in turn "
	      "[the kernel's choice]\n"
	      "  -d             stream down, from the server\n"
	      "\n"
	      "connect starts at once. pingpong, stream and floor say when "
	      "they are ready, go on\n"
	      "at each line on standard input, and end with it.\n",
	    stream);
	exit(status);
}

static unsigned long
parse_number(const char *text, char **end, unsigned long max)
{
	unsigned long number;

	errno = 0;
	number = strtoul(text, end, 10);
	if (errno || *end == text || number < 1 || number > max)
		errx(2, "%s: a number from 1 to %lu is wanted", text, max);
	return number;
}

static unsigned long
parse_whole(const char *text, unsigned long max)
{
	char *end;
	unsigned long number = parse_number(text, &end, max);

	if (*end)
		errx(2, "%s: there is more than a number", text);
	return number;
}

static void
parse_ports(const char *text, struct options *options)
{
	char *rest;

	options->first_port = (uint16_t)parse_number(text, &rest, UINT16_MAX);
	if (*rest != '+')
		errx(2, "%s: ports are FIRST+COUNT", text);
	options->port_count =
	    (uint16_t)parse_whole(rest + 1, UINT16_MAX - options->first_port);
}

static const struct mode *
find_mode(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(modes[i].name, name))
			return &modes[i];
	errx(2, "there is no mode %s", name);
}

static const struct mode *
parse_options(int argc, char **argv, struct options *options)
{
	const struct mode *mode;
	int option;

	while ((option = getopt(argc, argv, "n:t:w:s:p:dh")) != -1) {
		switch (option) {
		case 'n':
			options->connections = parse_whole(optarg, 100000);
			break;
		case 't':
			options->duration_ns =
			    (int64_t)parse_whole(optarg, LIMIT_S * 1000UL) *
			    (SECOND_NS / 1000);
			break;
		case 'w':
			options->threads = parse_whole(optarg, 1000);
			break;
		case 's':
			options->message_len = parse_whole(optarg, 65536);
			break;
		case 'p':
			parse_ports(optarg, options);
			break;
		case 'd':
			options->down = true;
			break;
		case 'h':
			print_usage(stdout, 0);
		default:
			print_usage(stderr, 2);
		}
	}
	if (optind == argc)
		print_usage(stderr, 2);
	mode = find_mode(argv[optind]);
	if (argc - optind != 1 + mode->has_address)
		print_usage(stderr, 2);
	if (mode->has_address) {
		if (!address_parse(argv[optind + 1], &options->to))
			errx(2, "%s: no address", argv[optind + 1]);
		address_set_port(&options->to, PORT);
	}
	return mode;
}

static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		err(1, "getrlimit");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		err(1, "setrlimit");
}

bool
told_to_go_on(void)
{
	int c;

	do
		c = getchar();
	while (c != '\n' && c != EOF);
	return c == '\n';
}

void
wait_to_be_let_go(void)
{
	while (told_to_go_on())
		;
}

void
run_workers(
    void *workers, size_t count, size_t worker_size, void *(*work)(void *))
{
	pthread_t *threads = calloc(count, sizeof(*threads));

	if (!threads)
		err(1, "calloc");
	for (size_t i = 0; i < count; i++) {
		errno = pthread_create(
		    &threads[i], NULL, work, (char *)workers + i * worker_size);
		if (errno)
			err(1, "pthread_create");
	}
	for (size_t i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	free(threads);
}

/* Keeps a processor busy, like any program that computes. */
void
keep_busy(const struct options *options)
{
	int64_t until_ns = clock_ns() + options->duration_ns;

	while (clock_ns() < until_ns)
		;
}

int
main(int argc, char **argv)
{
	struct options options = {
		.connections = 1,
		.threads = 1,
		.duration_ns = SECOND_NS,
		.message_len = 64,
	};
	const struct mode *mode = parse_options(argc, argv, &options);

	setvbuf(stdout, NULL, _IOLBF, 0);
	raise_descriptor_limit();
	alarm(LIMIT_S);
	mode->run(&options);
	return 0;
}
