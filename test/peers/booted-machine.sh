#!/bin/sh
# Makes a machine of a root folder, in namespaces of its own: what is written goes to memory, and systemd is its first process.
# Arguments: a folder for mounts, the root folder, and a folder that the machine has as /opt/skylark.
set -eu
if [ "${4-}" = "" ]; then
  # Its services are groups below one that is made for it, so that it cannot touch processes of the host.
  groups=$(findmnt -n -o TARGET -t cgroup2 | head -n 1)
  mkdir "$groups/$(basename "$1")"
  echo $$ >"$groups/$(basename "$1")/cgroup.procs"
  exec unshare --pid --mount --uts --ipc --cgroup --net --fork --kill-child "$0" "$1" "$2" "$3" inside
fi
place=$1 lower=$2 shared=$3
mount --make-rprivate /
mount -t tmpfs tmpfs "$place"
mkdir "$place/upper" "$place/work" "$place/root"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$place/upper,workdir=$place/work" "$place/root"
root=$place/root
mkdir -p "$root/opt/skylark"
mount --bind "$shared" "$root/opt/skylark"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
umount "$root/sys/fs/cgroup"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/dev"
for name in null zero random urandom full tty; do
  touch "$root/dev/$name"
  mount --bind "/dev/$name" "$root/dev/$name"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/mqueue" "$root/dev/hugepages"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
# Nothing that the host starts with is wanted here.
rm -rf "$root"/etc/systemd/system/*.wants "$root"/etc/rc?.d/S*
exec chroot "$root" /usr/bin/env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=multi-user.target --log-target=console
