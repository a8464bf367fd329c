/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of mdev.ko share. They know each other in one direction:
 * mdev_sysfs.c calls the others, which call the vendor.
 */
#ifndef _MDEV_PRIVATE_H
#define _MDEV_PRIVATE_H

#include <linux/limits.h>
#include <linux/mdev.h>

struct eventfd_ctx;

/*
 * Added to the users of a device or a parent by who takes it away: nobody can
 * come as long as the sum is negative, and nobody is left when it is this.
 */
#define MDEV_GOING	INT_MIN

/*
 * A bit of &mdev_device.flags, which is a lock that nobody waits for: it makes
 * the creator, or one remover, the only one who may take the device away.
 */
#define MDEV_CLAIMED	0

extern const struct device_type mdev_device_type;

#define to_mdev_driver(_drv) \
	container_of_const(_drv, struct mdev_driver, driver)

/* mdev_core.c */
int mdev_device_create(struct mdev_type *type, const guid_t *uuid);
int mdev_device_remove(struct mdev_device *mdev);
void mdev_device_shut_out(struct mdev_device *mdev);
void mdev_device_remove_forced(struct mdev_device *mdev);

/* mdev_parent.c */
int mdev_parents_init(void);
void mdev_parents_exit(void);
struct mdev_parent *mdev_parent_lookup(struct device *dev);
bool mdev_parent_enter(struct mdev_parent *parent);
void mdev_parent_leave(struct mdev_parent *parent);
bool mdev_parent_is_going(struct mdev_parent *parent);
void mdev_parent_get(struct mdev_parent *parent);
void mdev_parent_put(struct mdev_parent *parent);

/* mdev_driver.c */
int mdev_bus_init(void);
void mdev_bus_exit(void);
bool mdev_user_get(struct mdev_device *mdev);
void mdev_user_put(struct mdev_device *mdev);
bool mdev_driver_in_use(struct mdev_device *mdev);
int mdev_start(struct mdev_device *mdev);
int mdev_stop(struct mdev_device *mdev);
int mdev_set_online(struct mdev_device *mdev, bool online);

/* mdev_mapping.c */
#if IS_ENABLED(CONFIG_KUNIT)
u64 mdev_map_page_range(u64 start, u64 end, u64 max, u64 *first);
#endif

/* mdev_drain.c */
int mdev_callbacks_create(struct mdev_device *mdev);
void mdev_callbacks_destroy(struct mdev_device *mdev);

/* mdev_irqs.c */
struct eventfd_ctx *mdev_eventfd_get(int fd);
void mdev_eventfd_put(struct eventfd_ctx *eventfd);
void mdev_eventfd_signal(struct eventfd_ctx *eventfd);

/* mdev_sysfs.c */
int mdev_parse_uuid(const char *buf, size_t count, guid_t *uuid);
int mdev_types_check(const struct attribute_group *const *groups);
int mdev_types_add(struct mdev_parent *parent);
void mdev_types_remove(struct mdev_parent *parent);
int mdev_links_add(struct mdev_device *mdev);
void mdev_links_remove(struct mdev_device *mdev);

#endif /* _MDEV_PRIVATE_H */
