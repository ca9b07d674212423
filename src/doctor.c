#include "doctor.h"

#include <stdio.h>

#include "doctor_exit.h"
#include "doctor_gate.h"
#include "doctor_host.h"
#include "doctor_server.h"
#include "user_prefixes.h"

#define COMMAND_MAX_LEN 1024

struct commands {
	char rules[COMMAND_MAX_LEN], simple[COMMAND_MAX_LEN];
};

static void
format_command(char *command, const char *option, const char *half,
    const char *path, char *const *texts)
{
	size_t len = (size_t)snprintf(command, COMMAND_MAX_LEN,
	    "srcproxy rules %s%s %s", option, half, path);

	for (; *texts && len < COMMAND_MAX_LEN; texts++)
		len += (size_t)snprintf(
		    command + len, COMMAND_MAX_LEN - len, " %s", *texts);
	if (len < COMMAND_MAX_LEN)
		snprintf(command + len, COMMAND_MAX_LEN - len, " | sh");
}

/* What points to commands is good as long as they are. */
static void
begin(struct examination *examination, struct commands *commands,
    const char *path, char *const *texts)
{
	bool is_client = examination->config->kind == CONFIG_CLIENT;
	const char *half = is_client ? "client" : "server";

	format_command(commands->rules, "", half, path, texts);
	format_command(commands->simple, "--simple ", half, path, texts);
	examination->rules = commands->rules;
	examination->simple_rules = commands->simple;
}

int
doctor_run(const struct config *config, const char *path, char *const *texts)
{
	struct findings findings = { .logged = false };
	struct prefix_list prefixes = { 0 };
	struct commands commands;
	struct examination examination = {
		.config = config,
		.prefixes = &prefixes,
		.findings = &findings,
	};
	int error = user_prefixes_collect(config, texts, false, &prefixes);

	begin(&examination, &commands, path, texts);
	if (!error) {
		doctor_host_check(&examination);
		if (config->kind == CONFIG_CLIENT) {
			doctor_gate_check(&examination);
			doctor_server_check(&examination);
		} else {
			doctor_exit_check(&examination);
		}
	}
	prefix_list_finish(&prefixes);
	return error ? error : findings.any_wrong;
}

void
doctor_warn(const struct config *config, const char *path)
{
	struct findings findings = { .logged = true };
	struct prefix_list prefixes = { 0 };
	struct commands commands;
	struct examination examination = {
		.config = config,
		.prefixes = &prefixes,
		.findings = &findings,
	};
	char *const none[] = { NULL };

	begin(&examination, &commands, path, none);
	if (user_prefixes_collect(config, none, false, &prefixes) == 0) {
		if (config->kind == CONFIG_CLIENT)
			doctor_server_check_loop(&examination);
		else
			doctor_exit_check_routes(&examination);
	}
	prefix_list_finish(&prefixes);
}
