// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"

	"github.com/tiercel/tiercel/sinsp/container"
)

// Config is the agent's configuration, decoded. Zero values are not the
// defaults: Load and Defaults fill them from the table of keys.
type Config struct {
	WatchConfigFiles bool
	WatchIntervalMS  uint32 // of polling, where there is no inotify
	WatchDebounceMS  uint32
	RulesFiles       []string
	RulesFileOld     []string // the old spelling rules_file, merged into RulesFiles
	Rules            []RuleSwitch

	Engine       Engine
	BaseSyscalls BaseSyscalls
	Capture      Capture
	LoadPlugins  []string
	Plugins      []Plugin
	HostInfo     bool

	Priority      string // lower case
	RuleMatching  string // first or all
	AppendOutput  []AppendOutput
	StaticFields  []StaticField
	ResolveNames  bool
	TimeISO8601   bool
	BufferBase64  bool
	JSONOutput    bool
	JSONOutputKey bool // json_include_output_property
	JSONMessage   bool // json_include_message_property
	JSONFields    bool // json_include_output_fields_property
	JSONTags      bool // json_include_tags_property

	BufferedOutputs bool
	OutputTimeoutMS uint32
	QueueCapacity   uint64 // 0: the agent's own bound
	Stdout          bool
	Syslog          bool
	File            FileOutput
	Program         ProgramOutput
	HTTP            HTTPOutput
	Unix            UnixOutput
	Journald        JournaldOutput
	Spool           Spool
	Duplicates      Duplicates
	Webserver       Webserver

	LogStderr        bool
	LogSyslog        bool
	LogLevel         string
	LogFormat        string // text or json
	LibsLogger       bool
	LibsLogSeverity  string
	TimeoutsMax      uint32
	Drops            Drops
	Metrics          Metrics
	Containers       container.Config // from containers and from the plugin container
	containers       containerNumbers
	State            State
	ThreadTableSize  uint32
	ThreadPurgeS     uint32
	ThreadTimeoutS   uint32
	Snaplen          uint64
	MemoryLimitBytes uint64

	// What loading found. The fields below come from no key.
	MainFile string       // main file, "" with built-in defaults
	Reports  []FileReport // schema check of each file, in order of reading
	Warnings []string

	tree                         *Node
	watchedFiles, watchedFolders []string
}

// RuleSwitch turns rules on or off by name pattern and by tag.
type RuleSwitch struct {
	Enable bool
	Rule   string // pattern with *, "" when the entry names none
	Tag    string
}

// Values of Engine.CheckNames.
const (
	CheckRaced  = "raced"  // of processes that somebody could have tampered with
	CheckAlways = "always" // of all
)

// Engine says where events come from.
type Engine struct {
	Kind            string   // modern_ebpf, kmod, bpf, auto, replay, nodriver
	Fallback        []string // drivers in place of one that cannot run
	CheckNames      string   // of whom names are held against objects: CheckRaced or CheckAlways
	KmodPreset      int64
	KmodDropFailed  bool
	CPUsPerBuffer   uint32
	ModernPreset    int64
	ModernFailed    bool
	ModernIterators bool // disable_iterators
	CaptureFile     string

	// Of the modern probe alone.
	SamplingRatio  uint32 // 1 (off), 2, 4, ... 128
	DynamicSnaplen bool
	FullCapture    [2]uint16 // ports, first and last; none while the last is 0
	StatsdPort     uint32
	fullCapture    string // as written: port or first-last
}

// BaseSyscalls is the user's say in the selection.
type BaseSyscalls struct {
	CustomSet []string
	Repair    bool
	All       bool
	StateSet  string // "" or current, or falco-0.35
	// NegationWins keeps a call that is named with ! out for good: repair does
	// not bring it back.
	NegationWins bool
}

// Capture is capture on alert.
type Capture struct {
	Enabled    bool
	PathPrefix string
	Mode       string
	DurationMS uint32
	MaxMB      uint64
	PastMS     uint32 // of what came before the alert
	PastMB     uint64
	MinFreeMB  uint64
}

// Plugin is one entry of plugins.
type Plugin struct {
	Name, LibraryPath, InitConfig, OpenParams string
}

// AppendOutput adds to the output of the rules it matches.
type AppendOutput struct {
	Source, Rule string
	Tags         []string
	ExtraOutput  string
	ExtraFields  []ExtraField
	Suggested    bool
	Origin       Origin
}

// ExtraField is a further key of output_fields: a raw field (Format "") or a
// formatted text.
type ExtraField struct {
	Name   string
	Format string
	Raw    bool
}

// StaticField is one entry of static_fields.
type StaticField struct{ Name, Value string }

// FileOutput writes alerts to a file.
type FileOutput struct {
	Enabled, KeepAlive bool
	Filename           string
	Permissions        string // octal, of a new file
}

// ProgramOutput pipes alerts into a program.
type ProgramOutput struct {
	Enabled, KeepAlive bool
	Program            string
}

// HTTPOutput posts alerts.
type HTTPOutput struct {
	Enabled, Insecure, MTLS, Echo, Compress, KeepAlive bool
	URL, UserAgent                                     string
	CACert, CABundle, CAPath                           string
	ClientCert, ClientKey                              string
	TokenFile, HeadersFile                             string
	MaxTimeouts                                        uint32
}

// UnixOutput writes alerts to a socket of the host.
type UnixOutput struct {
	Enabled bool
	Path    string
	Kind    string // stream or datagram
}

// JournaldOutput sends alerts to the journal of systemd.
type JournaldOutput struct {
	Enabled bool
	Socket  string
}

// Spool keeps alerts on disk that a network output cannot take yet.
type Spool struct {
	Dir   string // "": none
	MaxMB uint64
}

// Duplicates suppresses alerts that say again what was said.
type Duplicates struct {
	WindowMS uint32 // 0: off
	MaxKeys  uint32
	Fields   []string // that make alerts of a rule the same; empty: their text
}

// Webserver serves health, versions and metrics.
type Webserver struct {
	Enabled, Prometheus, SSL bool
	Threads, Port            uint32
	Address, Healthz, Cert   string
}

// Drops says what to do about lost events.
type Drops struct {
	Threshold float64
	Actions   []string
	Rate      float64
	Burst     float64
	Simulate  bool
}

// Metrics configures the metrics snapshots.
type Metrics struct {
	Enabled, OutputRule                        bool
	Interval, OutputFile, Namespace            string
	Rules, Resources, State, Kernel, KernelCPU bool
	BPFStats, Plugins, KernelIter, Jemalloc    bool
	MemoryMB, Empty                            bool
}

// containerNumbers are the keys below containers as written.
type containerNumbers struct{ waitMS, maxWaiting, max, timeoutMS, queue uint32 }

// State bounds the model of the host.
type State struct {
	MaxFDs           uint32 // of one process
	MaxFDsTotal      uint32
	MaxTextMB        uint32
	MaxEnv           uint32 // bytes of an environment; 0: as events have it
	LookupsPerSecond uint32 // questions to /proc after the first scan
}

// FileReport is the outcome of the schema check of one file.
type FileReport struct {
	Path   string
	Status string // ok or failed
	Reason string // of failed
	SHA256 string // of the file's content, hexadecimal
}

// Text returns the value at a key path of the merged tree as text; ok is
// false when nothing, a list or a map is there.
func (c *Config) Text(key string) (text string, ok bool) {
	n, err := c.tree.Lookup(key)
	if err != nil || n == nil || n.Kind != Scalar {
		return "", false
	}
	return n.Text, true
}

// Has reports whether a key was written anywhere, be it empty.
func (c *Config) Has(key string) bool {
	n, err := c.tree.Lookup(key)
	return err == nil && n != nil
}

// at returns where a key was written, " (file:line:col)", or "".
func (c *Config) at(key string) string {
	n, err := c.tree.Lookup(key)
	if err != nil || n == nil {
		return ""
	}
	return " (" + n.Origin.String() + ")"
}

// messagef makes an error whose text tools match on, capital letter included.
func messagef(format string, args ...any) error { return fmt.Errorf(format, args...) }
