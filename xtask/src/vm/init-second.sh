#!/bin/sh
# The second program of the virtual machine, in the host's files: furnishes it as the scenarios
# need it, plays them, tells how that ended, and switches the machine off.
export PATH=/vm/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t cgroup2 cgroup /sys/fs/cgroup
chmod 755 /run
ip link set lo up
for name in bonding 8021q nfs nfsv4 nfsd dm-mod loop veth bridge macvlan dummy nf_tables; do
	modprobe "$name" || echo "vm: the module $name cannot be loaded"
done
echo "vm: Linux $(uname -r), up for $(cut -d ' ' -f 1 /proc/uptime) s"
cd /vm && sh ./command
echo "vm: ended with $?"
exec busybox poweroff -f
