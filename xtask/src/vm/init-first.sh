#!/bin/busybox sh
# The first program of the virtual machine, in its initial memory: takes the host's `/`, which
# stays read-only, with memory laid over it as the root, and goes on there.
export PATH=/bin
fail() {
	echo "vm: $1"
	exec busybox poweroff -f
}
for name in $(busybox cat /modules/order); do
	busybox insmod "/modules/$name" || fail "the module $name cannot be loaded"
done
busybox mount -t devtmpfs dev /dev
busybox mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=262144,cache=loose host /host ||
	fail "the host's files cannot be mounted"
busybox mount -t tmpfs -o size=75% memory /memory
busybox mkdir /memory/upper /memory/work
busybox mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work root /root ||
	fail "no memory can be laid over the host's files"
busybox mount --move /dev /root/dev
# The modules of the kernel that runs, not the host's.
busybox mkdir -p /root/lib/modules
busybox mount -t tmpfs memory /root/lib/modules
release=$(busybox uname -r)
busybox mkdir "/root/lib/modules/$release"
busybox mount --bind "/host$(busybox cat /vm/modules)" "/root/lib/modules/$release" ||
	fail "the modules of the kernel are not where they were"
for place in run tmp var/tmp; do
	busybox mount -t tmpfs -o mode=1777 memory "/root/$place"
done
busybox cp -r /vm /root/vm
exec busybox switch_root /root /vm/init-second
