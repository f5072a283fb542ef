// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// allSources is what --list without a value means.
const allSources = "all"

// flagSets declares every flag: the current ones, and old spellings.
func flagSets(o *Options) (current, old *pflag.FlagSet) {
	fs := pflag.NewFlagSet("tiercel", pflag.ContinueOnError)
	fs.SortFlags = false
	fs.BoolVarP(&o.Help, "help", "h", false, "print this list and exit")
	fs.StringVarP(&o.ConfigFile, "config", "c", "", "configuration `file`; without it: /etc/tiercel/tiercel.yaml, /etc/falco/falco.yaml, built-in defaults")
	fs.StringArrayVarP(&o.set.overrides, "option", "o", nil, "set a configuration `key=value`, e.g. -o engine.kind=modern_ebpf or -o rules[].disable.tag=x; repeatable")
	fs.StringArrayVarP(&o.Rules, "rules", "r", nil, "rules `file` or folder, instead of rules_files of the configuration; repeatable")
	fs.StringVar(&o.set.driver, "driver", "", "where events come from: `auto`, modern_bpf, bpf, kmod; the same as -o engine.kind=")
	fs.BoolVarP(&o.set.all, "all-syscalls", "A", false, "collect high-volume system calls too (base_syscalls.all)")
	fs.BoolVar(&o.DryRun, "dry-run", false, "load and check everything, then end without watching")
	fs.Int64VarP(&o.MaxSeconds, "max-seconds", "M", 0, "end after that many `seconds`")
	fs.BoolVarP(&o.Unbuffered, "unbuffered", "U", false, "flush outputs after each alert")
	fs.StringArrayVarP(&o.Validate, "validate", "V", nil, "check a rules `file` and exit; repeatable")
	fs.BoolVarP(&o.Describe, "describe", "L", false, "describe all rules, macros and lists, and exit (JSON with -o json_output=true)")
	fs.StringVarP(&o.DescribeRule, "describe-rule", "l", "", "describe one `rule` and exit")
	fs.StringVar(&o.set.list, "list", "", "list the fields that conditions and outputs can use, of one `source` or all, and exit")
	fs.Lookup("list").NoOptDefVal = allSources
	fs.BoolVar(&o.ListEvents, "list-events", false, "list the events and exit")
	fs.BoolVar(&o.ListPlugins, "list-plugins", false, "list the loaded plugins and exit")
	fs.StringVar(&o.PluginInfo, "plugin-info", "", "describe one loaded `plugin` and exit")
	fs.StringVar(&o.Format, "format", "text", "`form` of --list and --list-events: text, markdown, json")
	fs.BoolVar(&o.set.markdown, "markdown", false, "the same as --format markdown (deprecated)")
	fs.BoolVarP(&o.NamesOnly, "names-only", "N", false, "with --list: only the names")
	fs.BoolVarP(&o.ListIgnored, "list-ignored", "i", false, "list the high-volume system calls that are left out without -A, and exit")
	fs.StringVarP(&o.Print, "print", "p", "", "append a `format` to the output of every rule (deprecated: use append_output)")
	fs.StringVarP(&o.PidFile, "pidfile", "P", "", "write the process id to `path`")
	fs.StringArrayVar(&o.EnableSources, "enable-source", nil, "open only this event `source`; repeatable")
	fs.StringArrayVar(&o.DisableSources, "disable-source", nil, "do not open this event `source`; repeatable")
	fs.BoolVar(&o.ConfigSchema, "config-schema", false, "print the JSON schema of the configuration and exit")
	fs.BoolVar(&o.DefaultRules, "print-default-rules", false, "print the rules that are used without a configuration and exit")
	fs.BoolVar(&o.RuleSchema, "rule-schema", false, "print the JSON schema of rules files and exit")
	fs.BoolVar(&o.Support, "support", false, "print what a bug report needs as JSON and exit")
	fs.BoolVarP(&o.Verbose, "verbose", "v", false, "print event counts at the end; longer lists")
	fs.BoolVar(&o.Version, "version", false, "print the version and exit (JSON with -o json_output=true)")
	fs.BoolVar(&o.PageSize, "page-size", false, "log the page size and exit")

	olds := pflag.NewFlagSet("old", pflag.ContinueOnError)
	olds.SortFlags = false
	o.set.old.declare(olds)
	return fs, olds
}

// oldOptions are the values of flags that newer releases removed.
type oldOptions struct {
	flags                                                     [len(oldFlags)]bool
	capture, snaplen, statsFile, statsInterval                string
	disableNames, disableTags, enableTags                     []string
	gvisorConfig, gvisorRoot, gvisorGenerate, k8sAPI, k8sCert string
	k8sNode, cri                                              string
}

// oldFlags are removed switches: what each became, or why nothing is left to do.
var oldFlags = [...]struct{ long, short, doc, setting, note string }{
	{"print-base64", "b", "-o buffer_format_base64=true", "buffer_format_base64=true", ""},
	{"modern-bpf", "", "-o engine.kind=modern_ebpf", "engine.kind=modern_ebpf", ""},
	{"nodriver", "", "-o engine.kind=nodriver", "engine.kind=nodriver", ""},
	{"list-syscall-events", "", "--list-events", "", ""},
	{"daemon", "d", "ignored: run it under a service manager", "", "it stays in the foreground; run it under a service manager"},
	{"userspace", "u", "ignored", "", "there is no such instrumentation any more"},
	{"disable-cri-async", "", "ignored", "", "container data is always fetched beside the event path"},
}

func (old *oldOptions) declare(fs *pflag.FlagSet) {
	for i := range oldFlags {
		f := &oldFlags[i]
		fs.BoolVarP(&old.flags[i], f.long, f.short, false, f.doc)
	}
	fs.StringVarP(&old.capture, "replay", "e", "", "-o engine.kind=replay -o engine.replay.capture_file=`file`")
	fs.StringVarP(&old.snaplen, "snaplen", "S", "", "-o falco_libs.snaplen=`bytes`")
	fs.StringVarP(&old.statsFile, "stats-file", "s", "", "-o metrics.enabled=true -o metrics.output_file=`file`")
	fs.StringVar(&old.statsInterval, "stats-interval", "", "-o metrics.interval=`ms`")
	fs.StringArrayVarP(&old.disableNames, "disable-name", "D", nil, "-o \"rules[].disable.rule=*`part`*\"")
	fs.StringArrayVarP(&old.disableTags, "disable-tag", "T", nil, "-o rules[].disable.tag=`tag`")
	fs.StringArrayVarP(&old.enableTags, "enable-tag", "t", nil, "-o \"rules[].disable.rule=*\" -o rules[].enable.tag=`tag`")
	fs.StringVarP(&old.gvisorConfig, "gvisor-config", "g", "", "refused: the `gVisor` engine was removed")
	fs.StringVar(&old.gvisorRoot, "gvisor-root", "", "refused: the `gVisor` engine was removed")
	fs.StringVar(&old.gvisorGenerate, "gvisor-generate-config", "", "refused: the `gVisor` engine was removed")
	fs.Lookup("gvisor-generate-config").NoOptDefVal = "default"
	fs.StringVarP(&old.k8sAPI, "k8s-api", "k", "", "ignored: Kubernetes data needs a plugin (`url`)")
	fs.StringVarP(&old.k8sCert, "k8s-api-cert", "K", "", "ignored: Kubernetes data needs a plugin (`file`)")
	fs.StringVar(&old.k8sNode, "k8s-node", "", "ignored: Kubernetes data needs a plugin (`name`)")
	fs.StringVar(&old.cri, "cri", "", "ignored: container runtimes are found by themselves (`socket`)")
}

// apply turns old spellings into settings and warns about each.
func (old *oldOptions) apply(o *Options, given *pflag.FlagSet) error {
	for _, name := range []string{"gvisor-config", "gvisor-root", "gvisor-generate-config"} {
		if given.Changed(name) {
			return fmt.Errorf("--%s: the gVisor engine was removed from Falco in 0.44 and does not exist here; use --driver auto", name)
		}
	}
	if len(old.enableTags) > 0 && len(old.disableNames)+len(old.disableTags) > 0 {
		return messagef("You can not mix -t with -T or -D")
	}
	for i, f := range oldFlags {
		switch {
		case !old.flags[i]:
		case f.setting != "":
			o.replaced(f.long, f.setting)
		case f.note != "":
			o.Warnings = append(o.Warnings, fmt.Sprintf("--%s is ignored: %s", f.long, f.note))
		default:
			o.ListEvents = true
		}
	}
	if old.capture != "" {
		o.replaced("e", "engine.kind=replay", "engine.replay.capture_file="+old.capture)
	}
	if old.snaplen != "" {
		o.replaced("S", "falco_libs.snaplen="+old.snaplen)
	}
	if old.statsFile != "" {
		interval := old.statsInterval
		if interval == "" {
			interval = "5000"
		}
		o.replaced("s", "metrics.enabled=true", "metrics.output_file="+old.statsFile, "metrics.interval="+interval+"ms")
	}
	for _, s := range old.disableNames {
		o.replaced("D", "rules[].disable.rule=*"+s+"*")
	}
	for _, s := range old.disableTags {
		o.replaced("T", "rules[].disable.tag="+s)
	}
	if len(old.enableTags) > 0 {
		o.replaced("t", "rules[].disable.rule=*")
	}
	for _, s := range old.enableTags {
		o.replaced("t", "rules[].enable.tag="+s)
	}
	for _, name := range []string{"k8s-api", "k8s-api-cert", "k8s-node", "cri"} {
		if f := given.Lookup(name); f != nil && f.Changed {
			doc, _, _ := strings.Cut(f.Usage, " (`") // what stands for the value in the help
			o.Warnings = append(o.Warnings, fmt.Sprintf("--%s is %s", name, doc))
		}
	}
	return nil
}

func (o *Options) replaced(flag string, settings ...string) {
	o.Overrides = append(o.Overrides, settings...)
	dash := "-"
	if len(flag) > 1 {
		dash = "--"
	}
	o.Warnings = append(o.Warnings, fmt.Sprintf("%s%s is an old spelling: use -o %s", dash, flag, strings.Join(settings, " -o ")))
}
