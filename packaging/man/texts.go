// SPDX-License-Identifier: Apache-2.0

package man

const description = `Tiercel watches the system calls of a Linux host, compares them with rules, and reports what matches:
on standard output, to the journal, to syslog, to files, programs and HTTP servers.
It takes from the kernel only the system calls that the rules and its own model of the host need.
Rules, configuration and command line are those of Falco.
Without a configuration file the built-in rules are used, and alerts go to standard output.
Watching needs root, or the capabilities BPF, PERFMON, SYS_PTRACE and DAC_READ_SEARCH.`

const format = `The configuration is YAML.
In the list below a dot stands for a level:
engine.kind is the key kind below the key engine.
Keys marked with + are not known to Falco.
Values may hold ${NAME}, which is taken from the environment.
A file that is changed is loaded again at once, unless watch_config_files is false;
when the new one is not valid, the old one stays in force, and the log says why.
A single key is overridden with -o key=value; a configuration is checked with tiercel --dry-run.`

var signals = [][2]string{
	{"SIGHUP", "Load configuration and rules again, without losing events. What is not valid leaves the old ones in force."},
	{"SIGUSR1", "Open the files of outputs and logs again, for those who rotate them."},
	{"SIGINT, SIGTERM", "End, after the alerts that wait have been delivered."},
}

var files = [][2]string{
	{"/etc/tiercel/tiercel.yaml", "The configuration; /etc/falco/falco.yaml is read where it does not exist."},
	{"/etc/tiercel/config.d/", "Files that add to it, in the order of their names."},
	{"/etc/tiercel/rules.d/", "Rules, lists, macros and exceptions of this host, loaded after the default rules."},
	{"/usr/share/tiercel/rules/", "The default rules. Upgrades replace them: change them by overrides in rules.d."},
	{"/var/lib/tiercel/", "Drivers that were built for kernels, captures."},
}

var examples = [][2]string{
	{"tiercel driver doctor", "Say what this kernel offers, and which driver would be used."},
	{"tiercel -r my_rules.yaml -o json_output=true", "Watch with rules of one's own, alerts as JSON."},
	{"tiercel rules check /etc/tiercel/rules.d", "Check rules, and say what is doubtful."},
	{"tiercel syscalls explain", "Say which system calls are watched, and because of which rules."},
	{"journalctl -t tiercel -f", "Follow the alerts of the service."},
}
