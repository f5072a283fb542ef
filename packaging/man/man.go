// SPDX-License-Identifier: Apache-2.0

// Package man writes the manual pages from the tables that the agent itself
// reads, so that no option and no key is missing or stale in them.
package man

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tiercel/tiercel/agent/cmdline"
	"github.com/tiercel/tiercel/agent/config"
)

// Page is what stands at the edges of the pages.
type Page struct {
	Version string
	Date    time.Time
}

// roff writes lines of a page. Texts go through escape; macros are written as
// they are.
type roff struct{ bytes.Buffer }

func (r *roff) macro(format string, args ...any) { fmt.Fprintf(r, format+"\n", args...) }

var escaped = strings.NewReplacer(`\`, `\e`, "-", `\-`, "–", `\(en`, "’", `\(cq`)

// escape makes a text that is no macro of any text.
func escape(text string) string {
	text = escaped.Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		return `\&` + text
	}
	return text
}

func bold(text string) string   { return `\fB` + escape(text) + `\fP` }
func italic(text string) string { return `\fI` + escape(text) + `\fP` }

// text writes a paragraph's lines.
func (r *roff) text(lines string) {
	for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		r.macro("%s", escape(strings.TrimSpace(line)))
	}
}

// item writes a term and what it means.
func (r *roff) item(term, meaning string) {
	r.macro(".TP\n%s", term)
	r.text(meaning)
}

func (r *roff) header(p Page, name, section, title string) {
	r.macro(`.\" SPDX-License-Identifier: Apache-2.0`)
	r.macro(`.\" Made from the tables of the program; not to be edited.`)
	r.macro(".TH %s %s %s %q %q", strings.ToUpper(escape(name)), section, p.Date.Format("2006-01-02"), "Tiercel "+p.Version, title)
	r.macro(".nh\n.ad l")
}

// Commands returns tiercel(1).
func (p Page) Commands() []byte {
	var r roff
	root := cmdline.Tree()
	r.header(p, "tiercel", "1", "Tiercel")
	r.macro(".SH NAME")
	r.macro(`tiercel \- watch the system calls of this host and report what the rules describe`)
	r.macro(".SH SYNOPSIS")
	r.macro(".B tiercel\n[\\fIOPTION\\fP...]")
	for _, c := range leaves(root) {
		r.macro(".br\n%s %s", bold(c.CommandPath()), arguments(c))
	}
	r.macro(".SH DESCRIPTION")
	r.text(description)
	current, old := cmdline.AgentFlags()
	r.macro(".SH OPTIONS")
	r.flags(current)
	r.macro(".SH COMMANDS")
	r.text("A command is the first word of the command line; its options come behind it.")
	for _, c := range leaves(root) {
		r.macro(".SS %s %s", bold(c.CommandPath()), arguments(c))
		long := c.Long
		if long == "" {
			long = c.Short + "."
		}
		for _, part := range strings.Split(strings.Replace(long, "\nExit status:", "\n\nExit status:", 1), "\n\n") {
			r.macro(".PP")
			r.text(part)
		}
		fs := pflag.NewFlagSet("man", pflag.ContinueOnError)
		fs.SortFlags = false
		fs.AddFlagSet(c.LocalFlags())
		r.flags(fs)
	}
	r.macro(".SH SPELLINGS OF OLDER RELEASES")
	r.text("They are accepted as what they became, with a warning.")
	r.flags(old)
	r.macro(".SH SIGNALS")
	for _, s := range signals {
		r.item(bold(s[0]), s[1])
	}
	r.macro(".SH EXIT STATUS")
	r.text("0 after a clean end, 1 after any failure, with one line on standard error that says what to do.\n" +
		"The commands that check and test rules say theirs above.\n" +
		"Started by a service manager it ends with 78 when configuration or rules are broken, and with 69 when no driver\n" +
		"runs on this kernel: starting it again would change nothing.")
	r.macro(".SH ENVIRONMENT")
	r.item(bold("TIERCEL_DRIVER"), "auto, modern_bpf, kmod or bpf: the driver whose unit the packages enable when they are installed.")
	r.files()
	r.macro(".SH EXAMPLES")
	for _, e := range examples {
		r.item(bold(e[0]), e[1])
	}
	r.macro(".SH SEE ALSO")
	r.macro(`\fBtiercel.yaml\fP(5), \fBsystemctl\fP(1), \fBjournalctl\fP(1), \fBdkms\fP(8)`)
	return r.Bytes()
}

func (r *roff) files() {
	r.macro(".SH FILES")
	for _, f := range files {
		r.item(italic(f[0]), f[1])
	}
}

// leaves returns the commands that do something, in the order of their names.
func leaves(c *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, sub := range c.Commands() {
		switch {
		case sub.Hidden:
		case sub.HasSubCommands():
			all = append(all, leaves(sub)...)
		default:
			all = append(all, sub)
		}
	}
	return all
}

// arguments is what follows the command's name on its usage line.
func arguments(c *cobra.Command) string {
	rest := strings.TrimSpace(strings.TrimPrefix(c.Use, c.Name()))
	if c.HasLocalFlags() {
		rest = strings.TrimSpace(rest + " [OPTION...]")
	}
	return italic(rest)
}

func (r *roff) flags(fs *pflag.FlagSet) {
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		arg, doc := pflag.UnquoteUsage(f)
		term := bold("--" + f.Name)
		if f.Shorthand != "" {
			term = bold("-"+f.Shorthand) + ", " + term
		}
		switch {
		case f.NoOptDefVal == "true":
		case f.NoOptDefVal != "":
			term += "[=" + italic(arg) + "]"
		default:
			term += " " + italic(arg)
		}
		r.item(term, sentence(doc))
	})
}

// sentence writes the meaning of an option as one.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

// Configuration returns tiercel.yaml(5).
func (p Page) Configuration() []byte {
	var r roff
	r.header(p, "tiercel.yaml", "5", "Tiercel")
	r.macro(".SH NAME")
	r.macro(`tiercel.yaml \- configuration of tiercel(1)`)
	r.macro(".SH DESCRIPTION")
	r.text(format)
	r.macro(".SH KEYS")
	for i := range config.Keys {
		k := &config.Keys[i]
		if k.Hidden() {
			continue
		}
		term := bold(k.Path) + " (" + escape(k.Type())
		if k.Default != "" {
			term += ", default " + escape(k.Default)
		}
		term += ")"
		if k.Ours {
			term += " +"
		}
		doc := sentence(k.Doc)
		if k.NoEffect != "" {
			doc += "\n" + sentence("it has no effect: "+k.NoEffect)
		}
		r.item(term, doc)
	}
	r.files()
	r.macro(".SH SEE ALSO")
	r.macro(`\fBtiercel\fP(1)`)
	return r.Bytes()
}
