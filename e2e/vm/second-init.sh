# Process 1 on the host's root: what an init system does before the first service, then the script, then the end.
# Serial ports: ttyS0 is the kernel's, ttyS1 takes the script's output, ttyS2 its exit code.
. /run/vm/environment
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/run/vm/tmp LANG=C.UTF-8
# Nobody looks at the terminal that standard output is.
export TERM=dumb NO_COLOR=1 CI=1
busybox=/run/vm/busybox
(sleep "$VM_TIMEOUT_SECONDS"; echo 'the time is up' >/dev/ttyS0; $busybox poweroff -f) &

mkdir -p /dev/pts /dev/shm /dev/mqueue "$TMPDIR"
mount --make-rshared /
mount -t devpts -o mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t mqueue mqueue /dev/mqueue
mount -t cgroup2 -o nsdelegate cgroup2 /sys/fs/cgroup
ln -sf /proc/self/fd /dev/fd

# Modules load on demand, as on any machine. kmod's own index is not there, so busybox loads them.
ln -s busybox /run/vm/modprobe
mkdir -p /usr/lib/modules
ln -sfn "$VM_KERNEL_MODULES" "/usr/lib/modules/$(uname -r)"
echo /run/vm/modprobe >/proc/sys/kernel/modprobe
code=0
for module in $VM_MODULES; do /run/vm/modprobe "$module" || code=125; done

hostname vm
ip link set lo up
ip link set eth0 up
ip address add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2

stty -F /dev/ttyS1 -opost
if [ $code = 0 ]; then
  (cd / && exec setsid sh /run/vm/script.sh) </dev/null >/dev/ttyS1 2>&1
  code=$?
else
  echo 'a kernel module that was asked for cannot be loaded; see the console' >/dev/ttyS1
fi
echo $code >/dev/ttyS2
$busybox poweroff -f
