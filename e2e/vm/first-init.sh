#!/bin/busybox sh
# Process 1 in the initrd: makes the host's file system the root, below an overlay that takes all writes, and goes on there.
# Host files are read as they are; nothing that the guest writes reaches them.
busybox=/bin/busybox
$busybox mkdir -p /proc /sys /dev /host /rw /root
$busybox mount -t proc proc /proc
$busybox mount -t sysfs sysfs /sys
$busybox mount -t devtmpfs devtmpfs /dev
while read -r module; do $busybox insmod "/modules/$module"; done </modules/order
$busybox mount -t virtiofs -o ro host /host || exit 1 # process 1 ends: the kernel panics, qemu ends
$busybox mount -t tmpfs -o mode=755 tmpfs /rw
$busybox mkdir /rw/upper /rw/work
$busybox mount -t overlay -o lowerdir=/host,upperdir=/rw/upper,workdir=/rw/work overlay /root || exit 1
$busybox mount -t tmpfs -o mode=755 tmpfs /root/run
$busybox mkdir /root/run/vm
$busybox cp $busybox /second-init.sh /environment /script.sh /root/run/vm/
for tree in proc sys dev; do $busybox mount --move /$tree /root/$tree; done
exec $busybox switch_root /root /bin/sh /run/vm/second-init.sh
