// SPDX-License-Identifier: Apache-2.0

package main

// work is something that people and machines do all day.
type work struct {
	name   string
	what   string
	debian bool   // in a Debian of its own, else on this host
	before string // script whose alerts do not count
	script string
}

// quiet keeps packages from starting services, as in the images that most hosts
// are made of.
const quiet = `
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d
`

// apt is how scripts install: nothing is asked.
const apt = `
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
install() { apt-get install -q -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@"; }
`

// works are what is measured, in this order.
var works = []work{
	{
		name: "packages", debian: true,
		what:   "apt-get update, upgrade, install of servers and tools, reinstall of every package, remove, purge",
		before: quiet,
		script: apt + `
apt-get -q update
apt-get -q -y dist-upgrade
install nginx-light openssh-server cron logrotate rsyslog man-db sudo git python3 vim-tiny dbus systemd systemd-sysv \
	ca-certificates curl openssl iproute2 iputils-ping procps less postfix unattended-upgrades passwd
install --reinstall $(dpkg-query -W -f '${Package}\n')
useradd -m -s /bin/bash visitor
ldconfig
update-ca-certificates --fresh
apt-get -q -y remove nginx-light postfix
apt-get -q -y purge nginx-light postfix git
apt-get -q -y autoremove --purge
apt-get clean
`,
	},
	{
		name: "compile-c", debian: true,
		what: "busybox from Debian's sources: fetch, configure, make -j2, strip, install to a folder",
		before: quiet + apt + `
echo 'deb-src http://deb.debian.org/debian bookworm main' >/etc/apt/sources.list.d/src.list
apt-get -q update
install build-essential libcrypt-dev dpkg-dev bzip2 file
`,
		script: apt + `
cd /tmp && apt-get -q source busybox && cd busybox-*/
make -s defconfig
sed -i 's/^CONFIG_TC=y/# CONFIG_TC is not set/' .config
make -s -j2 && make -s install CONFIG_PREFIX=/tmp/installed && strip /tmp/installed/bin/busybox
`,
	},
	{
		name: "compile-go",
		what: "this project: go build -a, go vet, go test of some packages",
		script: `
export GOCACHE=$(mktemp -d) CGO_ENABLED=0
go build -trimpath -tags grpcnotrace -o $GOCACHE/tiercel ./agent/cmd/tiercel
go vet ./sinsp/filter/... ./rules/...
go test -short -count=1 ./sinsp/filter/... ./agent/config/... ./agent/cmdline/...
rm -rf "$GOCACHE"
`,
	},
	{
		name: "logins", debian: true,
		what: "20 logins by ssh with a key and with a shell, files copied, sudo, passwd, su, logrotate, cron for two minutes and its daily work",
		before: quiet + apt + `
apt-get -q update
install openssh-server openssh-client cron logrotate man-db sudo rsyslog procps passwd bsdextrautils systemd
echo 'APT::Periodic::RandomSleep "1";' >/etc/apt/apt.conf.d/99soon
useradd -m -s /bin/bash visitor
echo 'visitor ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/visitor
mkdir -p /run/sshd /home/visitor/.ssh
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
cp /root/.ssh/id_ed25519.pub /home/visitor/.ssh/authorized_keys
chown -R visitor: /home/visitor/.ssh && chmod 700 /home/visitor/.ssh
`,
		script: `
export LC_ALL=C
rsyslogd; cron
/usr/sbin/sshd -p 39222 -o ListenAddress=127.0.0.1
ssh='ssh -p 39222 -o StrictHostKeyChecking=accept-new'
for i in 1 2 3 4 5 6 7 8 9 10; do
	$ssh visitor@127.0.0.1 'uname -a; id; uptime'
	$ssh -tt visitor@127.0.0.1 'bash -l -i -c "ls -la; ps aux | head; df -h; last; exit"' </dev/null
done
scp -q -P 39222 /etc/os-release visitor@127.0.0.1:copied
$ssh visitor@127.0.0.1 'sudo cat /var/log/dpkg.log | tail -1; sudo id; crontab -l; echo "* * * * * true" | crontab -'
echo 'visitor:Correct-Horse-9' | chpasswd
su visitor -c 'id; groups'
usermod -aG adm visitor
echo '* * * * * root run-parts /etc/cron.hourly' >/etc/cron.d/often
sleep 130
run-parts /etc/cron.daily
systemd-tmpfiles --clean
logrotate -f /etc/logrotate.conf
`,
	},
	{
		name: "containers",
		what: "docker: an image is loaded, 20 containers run, stopped and removed, exec, logs, build, cp, restart",
		before: `
command -v dockerd >/dev/null || { echo "dockerd is missing: apt-get install docker.io"; exit 1; }
`,
		script: `
d=$(mktemp -d); export DOCKER_HOST=unix://$d/docker.sock
dockerd --bridge=none --iptables=false -H $DOCKER_HOST --data-root $d/data --exec-root $d/exec -p $d/pid >$d/log 2>&1 &
for i in $(seq 100); do docker version >/dev/null 2>&1 && break; sleep 0.2; done
mkdir -p $d/root/bin $d/root/etc && cp /bin/busybox $d/root/bin/ && echo 'root:x:0:0::/:/bin/sh' >$d/root/etc/passwd
for a in sh sleep cat ls id wget ps env grep sed; do ln -s busybox $d/root/bin/$a; done
tar -C $d/root -c . | docker import - box:v1
printf 'FROM box:v1\nRUN echo built >/built\nCMD ["sleep", "100"]\n' >$d/root/Dockerfile
DOCKER_BUILDKIT=0 docker build -q --network none -t app:v1 $d/root
for i in 1 2 3 4 5 6 7 8 9 10; do
	docker run --rm --network none box:v1 sh -c 'id; ls -l /; env; ps; cat /proc/cpuinfo >/dev/null'
	docker run -d --name app$i --network none --health-cmd 'ls /built' app:v1
	docker exec app$i sh -c 'cat /built; echo x >/tmp-x; grep root /etc/passwd'
	docker logs app$i; docker cp app$i:/built $d/; docker restart -t 0 app$i; docker stop -t 0 app$i; docker rm app$i
done
docker system prune -f
kill $(cat $d/pid); for i in $(seq 50); do [ -e $d/pid ] || break; sleep 0.2; done
umount -R $d/data 2>/dev/null || true; rm -rf $d
`,
	},
}
