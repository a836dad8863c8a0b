/* peer: programs of others beside which we measure ourselves, if they are
 * installed: nginx, which sends files, and openssl, which hashes.
 */
#include "bench.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define READY_TIME_MS 5000

/* ---- nginx ---- */

/* In the foreground, one process, which ends with us; all it writes is in
 * folder. */
static const char conf[] =
"daemon off;\n"
"master_process off;\n"
"worker_processes 1;\n"
"pid nginx.pid;\n"
"error_log /dev/null;\n"
"events { worker_connections 64; }\n"
"http {\n"
"	access_log off;\n"
"	sendfile on;\n"
"	tcp_nopush on;\n"
"	default_type application/octet-stream;\n"
"	client_body_temp_path temp;\n"
"	proxy_temp_path temp;\n"
"	fastcgi_temp_path temp;\n"
"	uwsgi_temp_path temp;\n"
"	scgi_temp_path temp;\n"
"	server {\n"
"		listen 127.0.0.1:%u;\n"
"		root .;\n"
"	}\n"
"}\n";

static void
nginx_configure(const char *folder, uint16_t port)
{
	char path[PATH_MAX];
	FILE *f;

	snprintf(path, sizeof(path), "%s/nginx.conf", folder);
	f = fopen(path, "w");
	if (f == NULL || fprintf(f, conf, port) < 0 || fclose(f) != 0)
		die_sys(path);
}

static _Noreturn void
nginx_exec(const char *folder, int cpu)
{
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin(cpu);
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	execlp("nginx", "nginx", "-e", "/dev/null", "-p", folder, "-c",
	    "nginx.conf", (char *)NULL);
	execl("/usr/sbin/nginx", "nginx", "-e", "/dev/null", "-p", folder,
	    "-c", "nginx.conf", (char *)NULL);
	_exit(127);
}

pid_t
nginx_start(const char *folder, int cpu, uint16_t *port)
{
	const struct timespec moment = { 0, 1000 * 1000 };
	double began = now_ms();
	pid_t pid;
	int fd;

	close(listen_any(port)); /* as in host_start */
	nginx_configure(folder, *port);
	pid = fork();
	if (pid < 0)
		die_sys("fork");
	if (pid == 0)
		nginx_exec(folder, cpu);
	while ((fd = connect_try(*port)) < 0) {
		if (process_ended(pid))
			return -1;
		if (now_ms() > began + READY_TIME_MS)
			die("nginx does not get ready");
		nanosleep(&moment, NULL);
	}
	close(fd);
	return pid;
}

/* ---- openssl ---- */

/* Its line +F:NUMBER:NAME:BYTES-PER-SECOND. */
static double
openssl_rate(const char *line)
{
	const char *at = strstr(line, "sha256:");

	if (strncmp(line, "+F:", 3) != 0 || at == NULL)
		return 0;
	return strtod(at + strlen("sha256:"), NULL) / 1e9;
}

double
openssl_sha256(size_t piece)
{
	char command[128], line[256];
	double rate = 0;
	FILE *f;

	snprintf(command, sizeof(command), "openssl speed -mr -seconds 1 "
	    "-bytes %zu -evp sha256 2>/dev/null", piece);
	f = popen(command, "r");
	if (f == NULL)
		die_sys("popen");
	while (fgets(line, sizeof(line), f) != NULL)
		if (openssl_rate(line) > 0)
			rate = openssl_rate(line);
	pclose(f);
	return rate;
}
