/*
 * A long wire between two hosts: packets that enter one TUN interface leave the
 * other one later, as far as the wire does not lose them. For kernels without
 * netem, and the same for all of them.
 *
 *	wire A B
 *
 * A and B are descriptors of TUN interfaces (IFF_TUN | IFF_NO_PI), which are in
 * two network namespaces. Each direction has its own delay, rate, queue and
 * losses. At first there is none of these. Each line of standard input changes
 * them, for packets that come from then on:
 *
 *	DELAY_MS LOSS_PERCENT RATE_MBIT QUEUE_PACKETS SEED
 *
 * (rate 0: as fast as may be), and is answered by a line of JSON: what has
 * happened since the last one. The end of standard input is its end.
 */

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define PACKET_MAX_LEN 2048
#define RING_SIZE 65536 /* packets on their way */
#define MTU 1500
#define SLACK_NS 1

struct packet {
	int64_t leaves_ns;
	size_t len;
	uint8_t data[PACKET_MAX_LEN];
};

/* Packets on their way, a ring: they leave in the order in which they came. */
struct direction {
	int from_fd, to_fd;
	struct packet *packets;
	size_t first, count;
	int64_t idle_ns; /* when the last byte has been put on the wire */
	uint64_t random;
	uint64_t carried, lost, dropped;
};

struct wire {
	int64_t delay_ns;
	double loss;        /* 0 to 1 */
	double ns_per_byte; /* 0: as fast as may be */
	size_t queue;       /* full packets that may wait to be put on it */
};

static int64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* xorshift64* (Marsaglia 2003, Vigna 2016): 0 to 1. */
static double
draw(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (double)(*state * UINT64_C(0x2545f4914f6cdd1d) >> 11) * 0x1p-53;
}

static void
die(const char *what)
{
	fprintf(stderr, "wire: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* What the rate lets through only later waits in the queue. */
static bool
is_full(const struct wire *wire, const struct direction *direction, int64_t now)
{
	return direction->count == RING_SIZE ||
	    (wire->ns_per_byte > 0 &&
		(double)(direction->idle_ns - now) >
		    wire->ns_per_byte * (double)(wire->queue * MTU));
}

static void
take(const struct wire *wire, struct direction *direction)
{
	size_t at = (direction->first + direction->count) % RING_SIZE;
	struct packet *packet = &direction->packets[at];
	struct packet spare;
	int64_t now = now_ns();
	ssize_t len;

	/* Where the ring is full the first one would be written over. */
	if (direction->count == RING_SIZE)
		packet = &spare;
	len = read(direction->from_fd, packet->data, PACKET_MAX_LEN);
	if (len <= 0)
		return;
	if (draw(&direction->random) < wire->loss) {
		direction->lost++;
		return;
	}
	if (is_full(wire, direction, now)) {
		direction->dropped++;
		return;
	}
	if (direction->idle_ns < now)
		direction->idle_ns = now;
	direction->idle_ns += (int64_t)(wire->ns_per_byte * (double)len);
	packet->len = (size_t)len;
	packet->leaves_ns = direction->idle_ns + wire->delay_ns;
	direction->count++;
}

/* An interface that is down takes none; the packet is lost then. */
static void
deliver(struct direction *direction)
{
	int64_t now = now_ns();

	while (direction->count > 0) {
		const struct packet *packet =
		    &direction->packets[direction->first];

		if (packet->leaves_ns > now)
			return;
		if (write(direction->to_fd, packet->data, packet->len) > 0)
			direction->carried++;
		else
			direction->dropped++;
		direction->first = (direction->first + 1) % RING_SIZE;
		direction->count--;
	}
}

/* Of the packet that leaves next, or -1: none is on its way. */
static int64_t
next_ns(const struct direction *directions)
{
	int64_t next = -1;

	for (int i = 0; i < 2; i++) {
		const struct direction *direction = &directions[i];
		int64_t leaves = direction->packets[direction->first].leaves_ns;

		if (direction->count > 0 && (next < 0 || leaves < next))
			next = leaves;
	}
	return next;
}

static void
wait_for(struct pollfd *ends, int64_t next)
{
	int64_t left = next - now_ns();
	struct timespec wait = { 0 };

	if (next >= 0 && left > 0) {
		wait.tv_sec = left / 1000000000;
		wait.tv_nsec = left % 1000000000;
	}
	if (ppoll(ends, 3, next < 0 ? NULL : &wait, NULL) < 0 && errno != EINTR)
		die("poll");
}

static void
report(struct direction *direction, const char *name, const char *end)
{
	printf("\"%s\": {\"carried\": %ju, \"lost\": %ju, \"dropped\": %ju}%s",
	    name, (uintmax_t)direction->carried, (uintmax_t)direction->lost,
	    (uintmax_t)direction->dropped, end);
	direction->carried = direction->lost = direction->dropped = 0;
}

/* False at the end of standard input. */
static bool
read_settings(struct wire *wire, struct direction *directions)
{
	double delay_ms, loss_percent, rate_mbit;
	char line[256];
	uint64_t seed;

	if (!fgets(line, sizeof(line), stdin))
		return false;
	if (sscanf(line, "%lf %lf %lf %zu %ju", &delay_ms, &loss_percent,
		&rate_mbit, &wire->queue, (uintmax_t *)&seed) != 5) {
		fprintf(stderr, "wire: cannot read: %s", line);
		exit(EXIT_FAILURE);
	}
	wire->delay_ns = (int64_t)(delay_ms * 1e6);
	wire->loss = loss_percent / 100;
	wire->ns_per_byte = rate_mbit > 0 ? 8e3 / rate_mbit : 0;
	directions[0].random = 2 * seed + 1;
	directions[1].random = 2 * ~seed + 1;
	printf("{");
	report(&directions[0], "there", ", ");
	report(&directions[1], "back", "}\n");
	fflush(stdout);
	return true;
}

static void
run(struct wire *wire, struct direction *directions)
{
	struct pollfd ends[] = {
		{ .fd = directions[0].from_fd, .events = POLLIN },
		{ .fd = directions[1].from_fd, .events = POLLIN },
		{ .fd = STDIN_FILENO, .events = POLLIN },
	};

	do {
		wait_for(ends, next_ns(directions));
		for (int i = 0; i < 2; i++) {
			if (ends[i].revents & POLLIN)
				take(wire, &directions[i]);
			deliver(&directions[i]);
		}
	} while (!ends[2].revents || read_settings(wire, directions));
}

static struct direction
open_direction(int from_fd, int to_fd, uint64_t seed)
{
	struct direction direction = {
		.from_fd = from_fd,
		.to_fd = to_fd,
		.packets = calloc(RING_SIZE, sizeof(struct packet)),
		.random = seed,
	};

	if (!direction.packets)
		die("memory");
	return direction;
}

int
main(int argc, char **argv)
{
	struct direction directions[2];
	struct wire wire = { 0 };
	int a, b;

	if (argc != 3) {
		fprintf(stderr, "usage: wire A B\n");
		return 2;
	}
	a = atoi(argv[1]);
	b = atoi(argv[2]);
	directions[0] = open_direction(a, b, 1);
	directions[1] = open_direction(b, a, 3);
	/* poll(2) else wakes up 50 us late. */
	prctl(PR_SET_TIMERSLACK, SLACK_NS, 0, 0, 0);
	run(&wire, directions);
	return EXIT_SUCCESS;
}
