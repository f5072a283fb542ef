// SPDX-License-Identifier: Apache-2.0

package path

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// GenerateRules writes a file of n rules of the kind that users have: about
// files, programs, connections and users, with macros, lists, negations,
// exceptions and every operator. The same n gives the same rules, and the
// rules of a small n are among those of a greater one. Events of an ordinary
// host match hardly any.
func GenerateRules(n int) []byte {
	var out strings.Builder
	out.WriteString(generatedVocabulary)
	for i := range n {
		g := generator{rand.New(rand.NewPCG(uint64(i), 7)), i}
		shape := generatedShapes[i%len(generatedShapes)]
		fmt.Fprintf(&out, "- rule: Generated %d\n  desc: made for a benchmark\n  condition: >\n    %s\n", i, g.fill(shape.condition))
		fmt.Fprintf(&out, "  output: made for a benchmark (file=%%fd.name program=%%proc.name)\n  priority: NOTICE\n")
		if !strings.Contains(shape.condition, "evt.type") && !strings.Contains(shape.condition, "gen_") {
			out.WriteString("  warn_evttypes: false\n")
		}
		if shape.exceptions != "" {
			out.WriteString(g.fill(shape.exceptions))
		}
	}
	return []byte(out.String())
}

// generator fills the places of one rule's shape.
type generator struct {
	*rand.Rand
	i int
}

var (
	generatedNames = []string{"nginx", "httpd", "postgres", "mysqld", "redis", "java", "node", "python3", "ruby", "php-fpm",
		"backup", "agentd", "exporter", "collector", "proxy", "gateway", "worker", "scheduler", "indexer", "syncd"}
	generatedDirs = []string{"/opt/%s", "/srv/%s", "/var/lib/%s", "/etc/%s", "/usr/local/%s", "/data/%s", "/home/%s", "/var/log/%s",
		"/tmp/%s", "/run/%s"}
	generatedCommon = []string{"bash", "sh", "cat", "curl", "nginx", "sshd", "systemd", "python3", "dpkg", "cron"}
)

// fill replaces the places: {i} a number of the rule's own, {name} a program
// of its own, {dir} and {file} a path of its own, {common} a program that
// every host has, {port}, {ip}, {net} of an endpoint, {pool} one of few names.
func (g *generator) fill(shape string) string {
	for {
		from := strings.IndexByte(shape, '{')
		to := strings.IndexByte(shape, '}')
		if from < 0 || to < from {
			return shape
		}
		shape = shape[:from] + g.place(shape[from+1:to]) + shape[to+1:]
	}
}

func (g *generator) place(what string) string {
	name := generatedNames[g.IntN(len(generatedNames))] + strconv.Itoa(g.i)
	switch what {
	case "i":
		return strconv.Itoa(g.i)
	case "name":
		return name
	case "dir":
		return fmt.Sprintf(generatedDirs[g.IntN(len(generatedDirs))], name)
	case "file":
		return fmt.Sprintf(generatedDirs[g.IntN(len(generatedDirs))], name) + "/" + []string{"secret.key", "config.yaml", "data.db", "token"}[g.IntN(4)]
	case "common":
		return generatedCommon[g.IntN(len(generatedCommon))]
	case "pool":
		return fmt.Sprintf("svc-%d", g.IntN(200))
	case "port":
		return strconv.Itoa(1024 + g.IntN(60000))
	case "poolport":
		return strconv.Itoa(9000 + g.IntN(100))
	case "ip":
		return fmt.Sprintf("10.%d.%d.%d", 20+g.IntN(200), g.IntN(256), g.IntN(256))
	case "net":
		return fmt.Sprintf("10.%d.%d.0/%d", 20+g.IntN(200), g.IntN(256), []int{16, 20, 24, 28}[g.IntN(4)])
	}
	return what
}

const generatedVocabulary = `
- list: gen_shells
  items: [bash, sh, dash, zsh, ksh]
- list: gen_managers
  items: [dpkg, apt, apt-get, rpm, dnf, yum, apk, snapd, pip, npm]
- list: gen_editors
  items: [vi, vim, nano, emacs, sed]
- macro: gen_read
  condition: (evt.type in (open, openat, openat2) and evt.is_open_read = true and fd.typechar = f and fd.num >= 0)
- macro: gen_write
  condition: (evt.type in (open, openat, openat2, creat) and evt.is_open_write = true and fd.typechar = f and fd.num >= 0)
- macro: gen_started
  condition: (evt.type in (execve, execveat) and evt.failed = false)
- macro: gen_outbound
  condition: >
    ((evt.type = connect or (evt.type in (sendto, sendmsg) and fd.l4proto = udp)) and fd.typechar = 4
    and not fd.snet in (127.0.0.0/8) and (evt.rawres >= 0 or evt.res = EINPROGRESS))
- macro: gen_removed
  condition: (evt.type in (unlink, unlinkat, rename, renameat, renameat2, rmdir))
- macro: gen_container
  condition: (container.id != host)
- macro: gen_managed
  condition: (proc.name in (gen_managers) or proc.pname in (gen_managers) or proc.aname in (dpkg, rpm, apk))
`

// shape is a rule with places for what makes it one of many.
type shape struct {
	condition  string
	exceptions string
}

var generatedShapes = []shape{
	{condition: "gen_read and fd.name = {file} and not proc.name in ({name}, {common}, sudo)"},
	{condition: "gen_started and proc.name = {name}"},
	{condition: "gen_write and fd.name startswith {dir}/bin/ and not gen_managed"},
	{condition: "gen_outbound and fd.sport = {port} and not proc.name in ({name}, {common})"},
	{condition: "gen_read and fd.name in ({file}, {file}, {dir}) and not gen_managed and not proc.pname = {name}"},
	{condition: "gen_started and proc.name in (gen_shells) and proc.pname = {name}"},
	{condition: "gen_write and fd.name endswith /{name}.yaml"},
	{condition: "gen_outbound and fd.sip = {ip}"},
	{condition: "gen_started and proc.cmdline contains \"--token={name}\""},
	{condition: "gen_read and fd.name contains /.{name}/ and not proc.name in ({name}, {common})"},
	{condition: "gen_write and fd.name glob {dir}/*/plugins/*.so"},
	{condition: "gen_removed and fs.path.name startswith {dir} and not proc.name in (logrotate, {name})"},
	{condition: "gen_started and proc.exepath startswith {dir}/"},
	{condition: "gen_outbound and fd.snet in ({net}, {net}) and not proc.name in ({name})"},
	{condition: "gen_read and fd.name pmatch ({dir}, {dir}/share) and user.name != {name}"},
	{condition: "gen_write and fd.directory = {dir} and not proc.pname in (gen_managers, {name})"},
	{condition: "gen_started and proc.args contains \"-k {name}\" and user.name != root and not proc.pname = cron"},
	{condition: "proc.exepath = {dir}/miner and proc.name != {name}"},
	{condition: "gen_read and fd.filename regex \"[a-z]*{name}[.](pem|key)\""},
	{condition: "gen_started and proc.cmdline icontains \"PASSWORD={name}\""},
	{condition: "gen_started and proc.aname in ({name}, {name}x) and proc.name in (gen_shells)"},
	{condition: "gen_outbound and fd.sport in ({port}, {port}, {port}) and proc.name = {name}"},
	{condition: "evt.type = setuid and proc.name = {name} and user.loginuid != 0"},
	{condition: "(gen_read and fd.name = {file}) or (gen_started and proc.name = {name})"},
	{condition: "gen_write and (fd.name startswith {dir}/tls or fd.name endswith .{name}) and not (proc.name = {common} or proc.pname in ({name}, cron))"},
	{condition: "gen_container and gen_started and container.image.repository = registry.local/{name}"},
	{condition: "evt.type in (chmod, fchmod, fchmodat) and fs.path.name contains /{name}/ and evt.arg.mode contains S_IXUSR"},
	{condition: "gen_write and proc.name = {name} and not fd.name startswith {dir}"},
	{condition: "gen_outbound and proc.name = {pool} and fd.sport = {poolport}"},
	{condition: "evt.type in (open, openat) and fd.name = /dev/{name} and evt.rawres < 0"},
	{condition: "gen_outbound and fd.sport >= {port} and fd.sport <= 40000 and proc.pname = {name}"},
	{condition: "gen_read and fd.name startswith {dir} and proc.name = {common}", exceptions: `
  exceptions:
    - name: known
      fields: [proc.pname, fd.name]
      comps: [in, startswith]
      values:
        - [[{name}, cron], {dir}]
    - name: users
      fields: user.name
      values: [{name}, backup]
`},
	{condition: "user.name = {name} and fd.name startswith /root/"},
	{condition: "gen_started and tolower(proc.name) = {name} or gen_started and basename(proc.exe) = {name}"},
	{condition: "evt.type = ptrace and proc.name = {name} and not proc.pname in (gdb, strace)"},
	{condition: "evt.type in (mount, umount2) and not proc.name in (mount, systemd, {name}) and gen_container and container.image.repository = {name}"},
	{condition: "gen_read and proc.name in (gen_editors) and fd.name iglob *{name}*.sql"},
	{condition: "gen_started and proc.name in (gen_shells) and proc.args startswith \"-c {name}\" and proc.tty = 0"},
	{condition: "evt.type = kill and proc.name = {name} and evt.rawres = 0"},
	{condition: "evt.type in (accept, accept4, recvfrom) and fd.lport = {port} and not fd.cnet in (10.0.0.0/8, {net})"},
	{condition: "gen_write and proc.exepath = {file} and fd.name pmatch (/etc, /usr/lib) and not fd.name endswith .{name}"},
	{condition: "container.id != host and proc.name = {name} and user.uid = 0"},
	// Alike but for their exceptions: nothing of their own finds these.
	{condition: "gen_container and gen_started and proc.vpid = 1 and not container.image.repository in ({name})"},
	{condition: "gen_write and fd.directory in (/bin, /sbin, /usr/bin) and not proc.name in (gen_managers, {name})"},
	{condition: "gen_started and proc.name in (gen_shells) and not proc.pname exists and not proc.aname in ({name})"},
	{condition: "gen_read and user.uid > 60000 and not proc.pname in ({name}, cron)"},
	{condition: "gen_outbound and len(proc.name) > 12 and fd.sport != 443 and proc.name != {name}"},
}
