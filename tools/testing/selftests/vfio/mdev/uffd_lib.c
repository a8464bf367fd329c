// SPDX-License-Identifier: GPL-2.0-only
/* Memory of a userfaultfd: an access sleeps until the test handles its page fault. */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "dma_lib.h"
#include "uffd_lib.h"

#define UFFD_FAULT_MS	10000

int uffd_open(void *page)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { (uintptr_t)page, PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	/* Without O_NONBLOCK, poll() returns POLLERR at once. */
	int uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	int ret;

	if (uffd < 0)
		return -errno;
	if (!madvise(page, PAGE, MADV_DONTNEED) && !ioctl(uffd, UFFDIO_API, &api) &&
	    !ioctl(uffd, UFFDIO_REGISTER, &range))
		return uffd;
	ret = -errno;
	close(uffd);
	return ret;
}

int uffd_wait(int uffd)
{
	struct pollfd fault = { .fd = uffd, .events = POLLIN };

	if (poll(&fault, 1, UFFD_FAULT_MS) != 1)
		return -ETIMEDOUT;
	return fault.revents == POLLIN ? 0 : -EIO;
}

int uffd_resolve(int uffd, void *page)
{
	struct uffdio_zeropage zero = {
		.range = { (uintptr_t)page, PAGE },
	};

	return ioctl(uffd, UFFDIO_ZEROPAGE, &zero) ? -errno : 0;
}
