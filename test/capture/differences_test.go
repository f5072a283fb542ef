// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"slices"
	"strings"
)

// difference is a way in which the other tool prints something else, and why
// ours is kept.
type difference struct {
	cause, why string
	explains   func(*diff) bool
}

const none = "<NA>"

// cutAt is where the other tool cuts long values when it is not told otherwise.
const cutAt = 80

var differences = []difference{
	{
		"long lists are cut", "a choice of how to print; the whole value is in the capture",
		func(d *diff) bool {
			cut, ok := strings.CutSuffix(d.theirs, "...")
			return ok && len(d.theirs) == cutAt && strings.HasPrefix(d.ours, cut)
		},
	},
	{
		"parameters that its tables do not have", "ours are younger: what the old versions lack is filled by the converter",
		func(d *diff) bool {
			return d.absent && (d.event == "socket" && d.name == "arg flags" || d.event == "fcntl" && d.name == "arg arg")
		},
	},
	{
		"the transport of an IPv6 socket without addresses", "the socket call tells it; the other tool learns it with the first address",
		func(d *diff) bool {
			return strings.Contains(d.theirs, "(<6>") &&
				(strings.Replace(d.ours, "(<6t>", "(<6>", 1) == d.theirs || strings.Replace(d.ours, "(<6u>", "(<6>", 1) == d.theirs)
		},
	},
	{
		"descriptors of a process whose fork is not in the capture",
		"its exec names the parent, whose descriptors it has; the other tool begins with none",
		func(d *diff) bool {
			switch d.name {
			case "arg fd", "arg res":
				return !strings.Contains(d.theirs, "(") && d.ours == d.theirs+"(<f>/dev/pts/"+d.ours[strings.LastIndexByte(d.ours, '/')+1:]
			case "proc.fdopencount":
				return d.row["proc.exepath"] == ""
			case "fd.type", "fd.filename", "fd.name", "fd.directory", "fd.typechar", "evt.category":
				return standard(d) && slices.Contains([]string{"file", "f", "1", "2", "/dev/pts", "/dev/pts/1", "/dev/pts/2"}, d.ours)
			}
			return false
		},
	},
	{
		"identity and directory of a process whose fork is not in the capture",
		"the old exec tells the directory, and the parent whose user it runs as; the other tool knows neither",
		func(d *diff) bool {
			switch d.name {
			case "user.name":
				return d.theirs == none && d.row["user.uid"] == "4294967295"
			case "user.uid", "group.gid":
				return d.theirs == "4294967295"
			case "proc.cwd":
				return d.theirs == "" && d.row["proc.exepath"] == ""
			}
			return false
		},
	},
	{
		"what is not known is an empty text", "no value is not the same as a value without characters: `exists` would be true",
		func(d *diff) bool {
			return d.ours == none && d.theirs == "" && (d.name == "fd.name" || d.name == "proc.exepath" || d.name == "proc.cwd")
		},
	},
	{
		"kind and directory of a descriptor that nobody knows", "the same: the other tool prints `o` and the root directory",
		func(d *diff) bool {
			return d.ours == none && (d.name == "fd.typechar" && d.theirs == "o" || d.name == "fd.directory" && d.theirs == "/")
		},
	},
	{
		"the kind of what could not be opened", "rules about failed opens ask for fd.typechar=f",
		func(d *diff) bool {
			return d.name == "fd.typechar" && d.ours == "f" && d.theirs == "o" && d.row["evt.failed"] == "true"
		},
	},
	{
		"children of a thread that nobody knows", "they are not known either; the other tool prints 0",
		func(d *diff) bool { return d.name == "proc.nchilds" && d.ours == none && d.theirs == "0" },
	},
}

// standard reports whether the event is about one of the first descriptors,
// and the other tool does not know it.
func standard(d *diff) bool {
	return d.row["fd.type"] == none && slices.Contains([]string{"0", "1", "2"}, d.row["fd.num"])
}
