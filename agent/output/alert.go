// SPDX-License-Identifier: Apache-2.0

package output

import (
	"time"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/format"
)

// Time layouts of alerts. Only the text form's local one leaves the date out.
const (
	localLayout = "15:04:05.000000000"
	isoLayout   = "2006-01-02T15:04:05.000000000-0700"
	jsonLayout  = "2006-01-02T15:04:05.000000000Z"
)

// Alert is one match of a rule, its message already formatted.
type Alert struct {
	TimeNS   uint64 // since the epoch
	Priority string // as displayed: Warning
	Rule     string
	Source   string
	Tags     []string // sorted
	Internal bool     // the agent's own message: has no tags
	Message  []byte
	Fields   []byte // the JSON object of output_fields
	Detail   []byte // of the agent's own message: the fields as key=value
	Key      []byte // what makes it a duplicate of another; nil: its message
}

// Form says how alerts look.
type Form struct {
	JSON     bool
	ISO8601  bool // of the text form's time
	Hostname string
	// Which optional keys JSON has.
	Output, Message, Fields, Tags bool
}

// Append appends an alert in its final form, without a line end.
func (f *Form) Append(dst []byte, a *Alert) []byte {
	if f.JSON {
		return f.appendJSON(dst, a)
	}
	if a.Internal { // our own words need no escaping; the time is always local
		local := Form{}
		dst = append(local.appendPrefix(dst, a), a.Message...)
		dst = append(append(dst, " ("...), a.Detail...)
		return append(dst, ')')
	}
	dst = f.appendPrefix(dst, a)
	// Escaped, so that a file name with a newline cannot forge an alert.
	return format.AppendEscaped(dst, scap.View(a.Message))
}

func (f *Form) appendPrefix(dst []byte, a *Alert) []byte {
	t := time.Unix(int64(a.TimeNS/1e9), int64(a.TimeNS%1e9))
	if f.ISO8601 {
		dst = t.UTC().AppendFormat(dst, isoLayout)
	} else {
		dst = t.In(time.Local).AppendFormat(dst, localLayout)
	}
	dst = append(dst, ": "...)
	dst = append(dst, a.Priority...)
	return append(dst, ' ')
}

// appendJSON writes one line with its keys in order of their names.
func (f *Form) appendJSON(dst []byte, a *Alert) []byte {
	dst = append(dst, `{"hostname":`...)
	dst = format.AppendString(dst, f.Hostname)
	if f.Message {
		dst = append(dst, `,"message":"`...)
		dst = format.AppendEscaped(dst, scap.View(a.Message))
		dst = append(dst, '"')
	}
	if f.Output {
		dst = append(dst, `,"output":"`...)
		if !a.Internal {
			dst = f.appendPrefix(dst, a)
		}
		dst = format.AppendEscaped(dst, scap.View(a.Message))
		dst = append(dst, '"')
	}
	if f.Fields {
		dst = append(dst, `,"output_fields":`...)
		if len(a.Fields) == 0 {
			dst = append(dst, '{', '}')
		}
		dst = append(dst, a.Fields...)
	}
	dst = append(dst, `,"priority":`...)
	dst = format.AppendString(dst, a.Priority)
	dst = append(dst, `,"rule":`...)
	dst = format.AppendString(dst, a.Rule)
	dst = append(dst, `,"source":`...)
	dst = format.AppendString(dst, a.Source)
	if f.Tags && !a.Internal {
		dst = append(dst, `,"tags":[`...)
		for i, tag := range a.Tags {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = format.AppendString(dst, tag)
		}
		dst = append(dst, ']')
	}
	dst = append(dst, `,"time":"`...)
	dst = time.Unix(int64(a.TimeNS/1e9), int64(a.TimeNS%1e9)).UTC().AppendFormat(dst, jsonLayout)
	return append(dst, '"', '}')
}
