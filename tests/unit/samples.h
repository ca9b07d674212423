#ifndef SAMPLES_H
#define SAMPLES_H

/*
 * The configurations that users of the existing implementation start from,
 * byte by byte as they have them.
 */

static const char server_sample[] =
    "{\n"
    "  \"listen\": \"192.0.2.1:21829\", // The listen address for "
    "connection from clients, it is recommended to use a specific "
    "address instead of 0.0.0.0\n"
    "  \"acl\": [  // (Optional) The ACL policy for restricting source "
    "addresses can be used by different clients.\n"
    "    // An empty \"acl\" array would completely disable the ACL "
    "feature.\n"
    "    {\n"
    "      \"auth\": \"613200f2-0af9-40e3-9dc2-a5d6f365db1b\",  // The "
    "\"auth\" field in the client-side configuration, used to "
    "distinguish each client.\n"
    "      \"allowed_src_ips\": [  // (Optional) Prefixes that this client "
    "can use as source addresses.\n"
    "        \"192.0.2.128/25\",\n"
    "        \"2001:db8:aaaa::/64\"\n"
    "      ],\n"
    "    },\n"
    "    {\n"
    "      \"auth\": \"\", // A blank \"auth\" is acceptable and will only "
    "match a blank \"auth\" field in the client configuration.\n"
    "      \"allowed_src_ips\": [\n"
    "        // An empty \"allowed_src_ips\" array is acceptable, and it "
    "will allow this client to use any address as a source address.\n"
    "      ],\n"
    "    },\n"
    "  ],\n"
    "  \"timeout\": \"5m\", // (Optional) Connect & idle timeout of each "
    "TCP connection, accepting strings such as \"5m\", \"300s\" and "
    "integer number (for seconds) as any other proxy tools do.\n"
    "  \"log_level\": \"info\", // (Optional) Log level, accepting "
    "\"info\" and \"error\".\n"
    "}\n";

static const char client_sample[] =
    "{\n"
    "  \"inbound\": {\n"
    "    \"mode\": \"redirect\", // (Optional) Only supports iptables -j "
    "REDIRECT now.\n"
    "    \"listen\": \":9001\"  // The listen address for REDIRECT "
    "--to-port. Consider specifying just the port part, so it would "
    "listen for both IPv4 and IPv6.\n"
    "  },\n"
    "  \"outbound\": {\n"
    "    \"server\": \"192.0.2.1:21829\",  // The address of the srcproxy "
    "server.\n"
    "    \"auth\": \"613200f2-0af9-40e3-9dc2-a5d6f365db1b\", // (Optional) "
    "The auth credential for the ACL policy on the server side.\n"
    "    \"local_addr\": \"192.0.2.2%eth0\", // (Optional) bind(2) to the "
    "specified source address/interface when connecting to the "
    "server.\n"
    "    \"fwmark\": 0x1234,  // (Optional) Set the specified fwmark when "
    "connecting to the server.\n"
    "  },\n"
    "  \"timeout\": \"5m\", // (Optional) Connect & idle timeout of each "
    "TCP connection, accepting strings such as \"5m\", \"300s\" and "
    "integer number (for seconds) as any other proxy tools do.\n"
    "  \"log_level\": \"info\", // (Optional) Log level, accepting "
    "\"info\" and \"error\".\n"
    "}\n";

#endif
