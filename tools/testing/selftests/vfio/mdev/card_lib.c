// SPDX-License-Identifier: GPL-2.0-only
/* Physical cards of the VM that vendor drivers are bound to, and what happens to them. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "card_lib.h"
#include "dma_lib.h"
#include "mdev_lib.h"

#define RECOVERY_MS	30000

int card_find(const char *id, unsigned int index, char name[CARD_NAME_SIZE])
{
	int ret = -ENOENT;
	char text[128];
	glob_t found;
	size_t i;

	if (glob(PCI_DEVICES "/*", 0, NULL, &found))
		return ret;
	for (i = 0; i < found.gl_pathc && ret; i++) {
		if (sysfs_read(text, sizeof(text), "%s/modalias", found.gl_pathv[i]) < 0 ||
		    strncmp(text, id, strlen(id)) || index--)
			continue;
		snprintf(name, CARD_NAME_SIZE, "%s", strrchr(found.gl_pathv[i], '/') + 1);
		ret = 0;
	}
	globfree(&found);
	return ret;
}

/* The root port of a card */
static int card_port(const char *name, char port[CARD_NAME_SIZE])
{
	char path[256], target[256];
	ssize_t size;
	char *end;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s", name);
	size = readlink(path, target, sizeof(target) - 1);
	if (size < 0)
		return -errno;
	target[size] = 0;
	end = strrchr(target, '/');
	*end = 0;
	snprintf(port, CARD_NAME_SIZE, "%s", strrchr(target, '/') + 1);
	return 0;
}

/* Offset of the capability of PCI Express in the port's config space */
static int express_capability(int config)
{
	uint8_t header[2], offset = 0;

	if (pread(config, &offset, 1, PCI_CAPABILITY_LIST) != 1)
		return -errno;
	while (offset) {
		if (pread(config, header, 2, offset) != 2)
			return -errno;
		if (header[0] == PCI_CAP_ID_EXP)
			return offset;
		offset = header[1];
	}
	return -ENOENT;
}

int card_pull_out(const char *name)
{
	char port[CARD_NAME_SIZE], path[128];
	int config, offset, ret = card_port(name, port);
	uint16_t control = 0;

	if (ret)
		return ret;
	snprintf(path, sizeof(path), PCI_DEVICES "/%s/config", port);
	config = open(path, O_RDWR);
	if (config < 0)
		return -errno;
	offset = express_capability(config);
	ret = offset < 0 ? offset : 0;
	offset += PCI_EXP_SLTCTL;
	if (!ret && pread(config, &control, 2, offset) != 2)
		ret = -errno;
	control |= PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_PWR_IND_OFF;
	control &= ~PCI_EXP_SLTCTL_HPIE;
	if (!ret && pwrite(config, &control, 2, offset) != 2)
		ret = -errno;
	close(config);
	return ret;
}

/* As the module aer_inject has it */
struct aer_error_inj {
	uint8_t bus;
	uint8_t dev;
	uint8_t fn;
	uint32_t uncor_status;
	uint32_t cor_status;
	uint32_t header_log[4];
	uint32_t domain;
};

int card_inject_error(const char *name, uint32_t status)
{
	struct aer_error_inj error = { .uncor_status = status };
	unsigned int domain, bus, dev, fn;
	char port[CARD_NAME_SIZE];
	int fd, ret;

	ret = card_port(name, port);
	if (ret)
		return ret;
	if (sscanf(port, "%x:%x:%x.%u", &domain, &bus, &dev, &fn) != 4)
		return -EPROTO;
	error.domain = domain;
	error.bus = bus;
	error.dev = dev;
	error.fn = fn;
	fd = open("/dev/aer_inject", O_WRONLY);
	if (fd < 0)
		return -errno;
	ret = write(fd, &error, sizeof(error)) == sizeof(error) ? 0 : -errno;
	close(fd);
	return ret;
}

int card_inject_fatal_error(const char *name)
{
	int log = kernel_log_open(), waited, ret;

	if (log < 0)
		return log;
	ret = card_inject_error(name, PCI_ERR_UNC_DLP);
	for (waited = 0; !ret && waited < RECOVERY_MS; waited += 100) {
		if (kernel_log_count(log, "device recovery successful", "AER"))
			break;
		sleep_ms(100);
	}
	close(log);
	return waited < RECOVERY_MS ? ret : -ETIMEDOUT;
}

static void *act(void *data)
{
	struct card_action *action = data;

	action->ret = sysfs_write(action->text, "%s", action->path);
	__atomic_store_n(&action->done, true, __ATOMIC_RELEASE);
	return NULL;
}

int card_action_start(struct card_action *action)
{
	return -pthread_create(&action->thread, NULL, act, action);
}

bool card_action_waits(const struct card_action *action)
{
	return !__atomic_load_n(&action->done, __ATOMIC_ACQUIRE);
}

int card_action_end(struct card_action *action)
{
	int ret = -pthread_join(action->thread, NULL);

	return ret ? ret : action->ret;
}
