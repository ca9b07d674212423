#ifndef STATUS_METRICS_H
#define STATUS_METRICS_H

/*
 * A half's answer for Prometheus: the text format, in the one form that
 * Prometheus, its OpenMetrics parser, promtool and the textfile collector of
 * node_exporter all take with its types. Series are per user, never per
 * connection, and have the half and its port as "instance_name" would: in the
 * labels half and listen, so that several halves' files can stand side by side.
 */

#include <json-c/json.h>
#include <stdio.h>

void metrics_print(struct json_object *answer, FILE *out);

#endif
