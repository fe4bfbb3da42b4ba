#!/bin/sh
# pkcsslotd.sh DIRECTORY PKCSSLOTD, within "unshare --user --map-root-user --mount --ipc": openCryptoki with one soft token and
# everything that it keeps in fixed places (/etc, /var, /dev/shm, its group) private to this namespace. It needs no root, and
# ends as pkcsslotd, in the foreground; others come in by nsenter. DIRECTORY is empty.
# Exit 77: this kernel lets nobody overlay a directory in a user namespace (Linux before 5.11, some containers).
set -eu
mount -t tmpfs tmpfs "$1"
over() {
  mkdir "$1/$2.upper" "$1/$2.work"
  mount -t overlay overlay -o "lowerdir=$3,upperdir=$1/$2.upper,workdir=$1/$2.work,userxattr" "$3" || exit 77
}
over "$1" etc /etc
over "$1" sbin /usr/sbin
# The module makes a key for its shared memory of the daemon's path.
cp "$2" /usr/sbin/pkcsslotd
sed '/^pkcs11:/d' /etc/group >"$1/group"
echo 'pkcs11:x:0:root' >>"$1/group"
cp "$1/group" /etc/group
mkdir -p /etc/opencryptoki
printf 'version opencryptoki-3.1\nslot 0\n{\nstdll = libpkcs11_sw.so\n}\n' >/etc/opencryptoki/opencryptoki.conf
mount -t tmpfs tmpfs /var
mount -t tmpfs tmpfs /dev/shm
mkdir -p /var/run /var/log/opencryptoki /var/lock/opencryptoki/swtok /var/lib/opencryptoki/swtok/TOK_OBJ
exec /usr/sbin/pkcsslotd -f
