#include "kernel/capture.h"

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>

#include "base/array.h"

/* RFC 791 and RFC 8200; a packet with extension headers is none of ours. */
#define V4_MIN_LEN 20
#define V4_PROTOCOL 9
#define V4_SOURCE 12
#define ARP_SOURCE 14 /* RFC 826, of Ethernet and IPv4 */
#define ARP_LEN 28
#define V6_LEN 40
#define V6_NEXT_HEADER 6
#define V6_SOURCE 8

#define ARP_OPERATION 7
#define ARP_REQUEST 1
#define ARP_TARGET 24
#define SOLICITATION 135 /* RFC 4861, section 4.3 */
#define SOLICITATION_TARGET (V6_LEN + 8)
#define SOLICITATION_LEN (V6_LEN + 24)

/* Offsets for the filter in an IPv4 segment, and in IPv6 as a whole. */
#define FLAGS 13
#define SYN_OR_RST 0x06

/* The usual size holds 128 segments; doctor sends 384 at once. */
#define BUFFER_SIZE (4 << 20)

/*
 * Without a filter the traffic of a busy host would soon fill the buffer:
 * bpf(4). This host's own questions about neighbours are left out.
 */
static struct sock_filter filter[] = {
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, SKF_AD_OFF + SKF_AD_PROTOCOL),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 16, 0),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
	BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 4, 0, 5),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, V4_PROTOCOL),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 13),
	BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
	BPF_STMT(BPF_LD | BPF_B | BPF_IND, FLAGS),
	BPF_JUMP(BPF_JMP | BPF_JA, 4, 0, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 6, 0, 9),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, V6_NEXT_HEADER),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 2),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, V6_LEN + FLAGS),
	BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, SYN_OR_RST, 6, 5),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 4),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, V6_LEN),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOLICITATION, 0, 2),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SKF_AD_OFF + SKF_AD_PKTTYPE),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 0),
	BPF_STMT(BPF_RET | BPF_K, CAPTURE_MAX_LEN),
};

int
capture_open(void)
{
	struct sock_fprog program = {
		COUNT(filter),
		filter,
	};
	/* Protocol 0 receives nothing: packet(7). */
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int size = BUFFER_SIZE;

	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

int
capture_begin(int fd)
{
	struct sockaddr_ll link = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
	};

	if (fd < 0 || bind(fd, (struct sockaddr *)&link, sizeof(link)))
		return -1;
	return fd;
}

static bool
is_address(const uint8_t *raw, const union address *wanted)
{
	size_t raw_len;
	const uint8_t *wanted_raw = address_raw(wanted, &raw_len);

	return !memcmp(raw, wanted_raw, raw_len);
}

static bool
is_end(const uint8_t *raw, const uint8_t *port, const union address *end)
{
	return is_address(raw, end) &&
	    (address_port(end) == 0 ||
		(port[0] << 8 | port[1]) == address_port(end));
}

bool
capture_is_segment(const uint8_t *packet, size_t len, const union address *from,
    const union address *to)
{
	bool is_v4 = from->any.sa_family == AF_INET;
	size_t raw_len, head_len = V6_LEN;
	const uint8_t *source = packet + (is_v4 ? V4_SOURCE : V6_SOURCE);

	address_raw(from, &raw_len);
	if (to->any.sa_family != from->any.sa_family || len < V4_MIN_LEN ||
	    packet[0] >> 4 != (is_v4 ? 4 : 6))
		return false;
	if (is_v4)
		head_len = (size_t)(packet[0] & 0xf) * 4;
	if (head_len < V4_MIN_LEN || len < head_len + 4)
		return false;
	return packet[is_v4 ? V4_PROTOCOL : V6_NEXT_HEADER] == IPPROTO_TCP &&
	    is_end(source, packet + head_len, from) &&
	    is_end(source + raw_len, packet + head_len + 2, to);
}

bool
capture_is_question(
    const uint8_t *packet, size_t len, const union address *about)
{
	bool is_v4 = about->any.sa_family == AF_INET;

	if (len < (is_v4 ? ARP_LEN : SOLICITATION_LEN))
		return false;
	if (is_v4)
		return packet[0] >> 4 == 0 &&
		    packet[ARP_OPERATION] == ARP_REQUEST &&
		    is_address(packet + ARP_TARGET, about);
	return packet[0] >> 4 == 6 &&
	    packet[V6_NEXT_HEADER] == IPPROTO_ICMPV6 &&
	    packet[V6_LEN] == SOLICITATION &&
	    is_address(packet + SOLICITATION_TARGET, about);
}

static size_t
receive(int fd, uint8_t packet[CAPTURE_MAX_LEN], struct sockaddr_ll *link)
{
	socklen_t link_len = sizeof(*link);
	ssize_t len = recvfrom(fd, packet, CAPTURE_MAX_LEN, MSG_DONTWAIT,
	    (struct sockaddr *)link, &link_len);

	return len > 0 ? (size_t)len : 0;
}

size_t
capture_next(int fd, uint8_t packet[CAPTURE_MAX_LEN], uint32_t *interface)
{
	struct sockaddr_ll link = { .sll_ifindex = 0 };
	size_t len = receive(fd, packet, &link);

	*interface = (uint32_t)link.sll_ifindex;
	return len;
}

bool
capture_next_arrival(
    int fd, union address *from, union address *to, uint32_t *interface)
{
	uint8_t packet[CAPTURE_MAX_LEN];
	struct sockaddr_ll link = { 0 };
	size_t len;

	while ((len = receive(fd, packet, &link))) {
		bool is_arp = link.sll_protocol == htons(ETH_P_ARP);

		if (link.sll_pkttype == PACKET_OUTGOING ||
		    len < (is_arp ? ARP_LEN : V4_MIN_LEN) ||
		    (!is_arp && packet[0] >> 4 != 4))
			continue;
		address_from_raw(
		    from, packet + (is_arp ? ARP_SOURCE : V4_SOURCE), 4, 0);
		*to = (union address){ .any.sa_family = AF_UNSPEC };
		if (!is_arp)
			address_from_raw(to, packet + V4_SOURCE + 4, 4, 0);
		*interface = (uint32_t)link.sll_ifindex;
		return true;
	}
	return false;
}

bool
capture_have(int fd, const union address *from, const union address *to)
{
	uint8_t packet[CAPTURE_MAX_LEN];
	uint32_t interface;
	size_t len;

	while ((len = capture_next(fd, packet, &interface))) {
		if (capture_is_segment(packet, len, from, to))
			return true;
	}
	return false;
}
