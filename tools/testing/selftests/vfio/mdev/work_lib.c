// SPDX-License-Identifier: GPL-2.0-only
/* Runs a function that can block in a child process. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdnoreturn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mdev_lib.h"
#include "work_lib.h"

/* PDEATHSIG: a test that has failed leaves no process behind. */
static noreturn void run_and_exit(int (*run)(void))
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	syscall(SYS_close_range, STDERR_FILENO + 1, UINT_MAX, 0);
	_exit(-run());
}

int work_start(struct work *work, int (*run)(void))
{
	work->pid = fork();
	if (work->pid < 0)
		return -errno;
	if (!work->pid)
		run_and_exit(run);
	return 0;
}

bool work_waits(const struct work *work)
{
	siginfo_t info = {};

	sleep_ms(WORK_BLOCKED_MS);
	return !waitid(P_PID, work->pid, &info, WEXITED | WNOHANG | WNOWAIT) &&
	       !info.si_pid;
}

void work_signal(const struct work *work, int signal)
{
	kill(work->pid, signal);
}

int work_result(struct work *work)
{
	int status;

	if (waitpid(work->pid, &status, 0) != work->pid)
		return -ECHILD;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}
