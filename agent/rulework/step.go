// SPDX-License-Identifier: Apache-2.0

package rulework

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/container"
)

// attrs are the attributes of a step. What nobody has taken at its end is a
// mistake in the script.
type attrs struct {
	line   int
	values map[string]*yaml.Node
	order  []string
}

func newAttrs(n *yaml.Node) (*attrs, error) {
	a := &attrs{line: n.Line, values: map[string]*yaml.Node{}}
	if n.Kind == yaml.ScalarNode && (n.Value == "" || n.ShortTag() == "!!null") {
		return a, nil
	}
	if n.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: what belongs to an event is a map", n.Line)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		if a.values[key] != nil {
			return nil, fmt.Errorf("line %d: %q is there twice", n.Content[i].Line, key)
		}
		v := n.Content[i+1]
		if v.Kind == yaml.AliasNode {
			v = v.Alias
		}
		a.values[key] = v
		a.order = append(a.order, key)
	}
	return a, nil
}

func (a *attrs) take(key string) *yaml.Node {
	n := a.values[key]
	delete(a.values, key)
	return n
}

// text takes a single value, or the fallback when it is not there.
func (a *attrs) text(key, fallback string) (string, error) {
	n := a.take(key)
	if n == nil {
		return fallback, nil
	}
	if n.Kind != yaml.ScalarNode {
		return "", fmt.Errorf("line %d: %s is a single value", n.Line, key)
	}
	return n.Value, nil
}

func (a *attrs) number(key string, fallback int64) (int64, error) {
	s, err := a.text(key, "")
	if err != nil || s == "" {
		return fallback, err
	}
	v, err := strconv.ParseInt(s, 0, 64)
	if err != nil {
		return 0, fmt.Errorf("line %d: %s is a number, not %q", a.line, key, s)
	}
	return v, nil
}

// list takes a list of texts, or a single one.
func (a *attrs) list(key string) ([]string, error) {
	n := a.take(key)
	switch {
	case n == nil:
		return nil, nil
	case n.Kind == yaml.ScalarNode:
		return []string{n.Value}, nil
	case n.Kind == yaml.SequenceNode:
		return textList(n)
	}
	return nil, fmt.Errorf("line %d: %s is a text or a list of texts", n.Line, key)
}

// left is the error of what nobody took.
func (a *attrs) left(what string, known []string) error {
	for _, key := range a.order {
		if n := a.values[key]; n != nil {
			return fmt.Errorf("line %d: %s has no %q; it has %s", n.Line, what, key, strings.Join(known, ", "))
		}
	}
	return nil
}

// shorthands are steps that stand for more than one event, or for the usual
// form of a call; the key is what one value alone means.
var shorthands = map[string]struct {
	main string
	do   func(*world, *attrs) error
}{
	"exec":    {"path", (*world).stepExec},
	"open":    {"path", (*world).stepOpen},
	"connect": {"to", (*world).stepConnect},
	"accept":  {"from", (*world).stepAccept},
	"wait":    {"time", (*world).stepWait},
}

// step makes the events of one entry of a script.
func (w *world) step(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	w.line = n.Line
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		return fmt.Errorf("line %d: an event is a map of one name to what belongs to it", n.Line)
	}
	name, value := n.Content[0].Value, n.Content[1]
	short, isShort := shorthands[name]
	typ, known := eventType(name)
	if !isShort && !known {
		return fmt.Errorf("line %d: there is no event %q; use %s or the name of a system call", n.Line, name, "exec, open, connect, accept, wait")
	}
	mainKey := short.main
	if !isShort {
		mainKey = mainParam(typ)
	}
	a, err := newAttrs(value)
	if value.Kind == yaml.ScalarNode && value.ShortTag() != "!!null" && mainKey != "" {
		a, err = &attrs{line: n.Line, values: map[string]*yaml.Node{mainKey: value}, order: []string{mainKey}}, nil
	}
	if err != nil {
		return err
	}
	if isShort {
		return short.do(w, a)
	}
	return w.stepCall(name, typ, a)
}

// eventType returns the current event of a name: the exit of a call, or a
// tracepoint.
func eventType(name string) (scap.EventType, bool) {
	best, found := scap.EventType(0), false
	for i := range scap.Events {
		e := &scap.Events[i]
		if e.Name == name && e.Status == scap.StatusDriver && (!e.Code.IsEnter() || !found) {
			best, found = e.Code, true
		}
	}
	return best, found
}

// mainParam is the parameter that one value alone means: the first path or
// address, else the first parameter that is no result.
func mainParam(typ scap.EventType) string {
	params := typ.Info().Params
	for i := range params {
		switch params[i].Type {
		case scap.PTFSPath, scap.PTFSRelpath, scap.PTSockaddr:
			return params[i].Name
		}
	}
	for i := range params {
		if params[i].Type != scap.PTErrno {
			return params[i].Name
		}
	}
	return ""
}

// actor takes who acts.
func (w *world) actor(a *attrs) (*process, error) {
	who, err := a.text("by", "")
	if err != nil {
		return nil, err
	}
	p := w.current()
	if who != "" {
		if p, err = w.need(who); err != nil {
			return nil, fmt.Errorf("line %d: by: %w", a.line, err)
		}
	}
	w.last = p
	return p, nil
}

// stepCall makes any event of the tables from values for its parameters.
func (w *world) stepCall(name string, typ scap.EventType, a *attrs) error {
	p, err := w.actor(a)
	if err != nil {
		return err
	}
	params, known := map[string][]byte{}, []string{"by"}
	info := typ.Info()
	for i := range info.Params {
		param := &info.Params[i]
		known = append(known, param.Name)
		n := a.take(param.Name)
		if n != nil && n.Kind == yaml.ScalarNode && n.Value == "last" && param.Type == scap.PTFD {
			n = &yaml.Node{Kind: yaml.ScalarNode, Value: strconv.FormatInt(p.lastFD, 10), Line: n.Line}
		}
		if n == nil {
			n = w.usual(info, i, p)
		}
		if n == nil {
			continue
		}
		if params[param.Name], err = encode(param, n); err != nil {
			return err
		}
	}
	if err := a.left(name, known); err != nil {
		return err
	}
	return w.emit(typ, p, true, params)
}

// usual is the value of a parameter that a script leaves out: calls succeed,
// new descriptors get the next number, paths begin at the working directory.
func (w *world) usual(info *scap.EventInfo, i int, p *process) *yaml.Node {
	param := &info.Params[i]
	value := int64(0)
	switch {
	case i == 0 && param.Type == scap.PTErrno:
	case i == 0 && param.Type == scap.PTFD && info.Flags&scap.EFCreatesFD != 0:
		value = p.newFD()
	case param.Type == scap.PTFD && strings.HasSuffix(param.Name, "dirfd"), param.Name == "olddir", param.Name == "newdir":
		value = atFDCWD
	case param.Type == scap.PTFD && param.Name == "fd" && p.lastFD != noFD:
		value = p.lastFD
	default:
		return nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: strconv.FormatInt(value, 10)}
}

func (p *process) newFD() int64 {
	p.lastFD = p.nextFD
	p.nextFD++
	return p.lastFD
}

// stepExec starts a program: in a new process of parent, or in that of by.
func (w *world) stepExec(a *attrs) error {
	p, parent, err := w.starter(a)
	if err != nil {
		return err
	}
	if p.path, err = a.text("path", ""); err != nil {
		return err
	}
	if p.path == "" {
		return fmt.Errorf("line %d: exec needs the path of the program", a.line)
	}
	if p.name, err = a.text("name", base(p.path)); err != nil {
		return err
	}
	args, err := a.list("args")
	if err != nil {
		return err
	}
	if err := w.setting(p, a); err != nil {
		return err
	}
	more := map[string][]byte{}
	info := scap.EvExecveV19X.Info()
	known := []string{"path", "name", "args", "parent", "by", "user", "container"}
	for i := range info.Params {
		param := &info.Params[i]
		known = append(known, param.Name)
		if n := a.take(param.Name); n != nil {
			if more[param.Name], err = encode(param, n); err != nil {
				return err
			}
		}
	}
	if err := a.left("exec", known); err != nil {
		return err
	}
	w.born(p)
	if parent != nil {
		if err := w.fork(p, parent); err != nil {
			return err
		}
	}
	w.last = p
	return w.exec(p, args, more, true)
}

// starter is the process of a new program; parent is nil when it is one that
// was there.
func (w *world) starter(a *attrs) (p, parent *process, err error) {
	by, err := a.text("by", "")
	if err != nil {
		return nil, nil, err
	}
	who, err := a.text("parent", "")
	if err != nil {
		return nil, nil, err
	}
	switch {
	case by != "" && who != "":
		return nil, nil, fmt.Errorf("line %d: exec has parent (a new process) or by (one that is there), not both", a.line)
	case by != "":
		if p, err = w.need(by); err != nil {
			return nil, nil, fmt.Errorf("line %d: by: %w", a.line, err)
		}
		return p, nil, nil
	}
	parent = w.byName["bash"]
	if who != "" {
		if parent, err = w.need(who); err != nil {
			return nil, nil, fmt.Errorf("line %d: parent: %w", a.line, err)
		}
	}
	pid, err := a.number("pid", 0)
	if err != nil {
		return nil, nil, err
	}
	return &process{
		pid: pid, parent: parent.pid, uid: parent.uid, gid: parent.gid, cgroups: parent.cgroups, env: parent.env,
		cwd: parent.cwd, tty: parent.tty,
	}, parent, nil
}

// setting takes what a process has beside its program.
func (w *world) setting(p *process, a *attrs) (err error) {
	user, err := a.text("user", "")
	if err != nil {
		return err
	}
	if user != "" {
		uid, ok := w.users[user]
		if !ok {
			return fmt.Errorf("line %d: there is no user %q: add it to host.users", a.line, user)
		}
		p.uid, p.gid = uid, uid
	}
	uid, err := a.number("uid", int64(p.uid))
	if err != nil {
		return err
	}
	gid, err := a.number("gid", int64(p.gid))
	if err != nil {
		return err
	}
	tty, err := a.number("tty", int64(p.tty))
	if err != nil {
		return err
	}
	p.uid, p.gid, p.tty = uint32(uid), uint32(gid), uint32(tty)
	if p.cwd, err = a.text("cwd", p.cwd); err != nil {
		return err
	}
	if env, err := a.list("env"); err != nil || env != nil {
		if p.env = env; err != nil {
			return err
		}
	}
	if groups, err := a.list("cgroups"); err != nil || groups != nil {
		if p.cgroups = groups; err != nil {
			return err
		}
	}
	return w.container(p, a.take("container"))
}

// maxLabel is the longest value of a label, in bytes.
const maxLabel = 4096

// containerSpec is what a script says about a container.
type containerSpec struct {
	ID         string            `yaml:"id"`
	Name       string            `yaml:"name"`
	Image      string            `yaml:"image"` // repository[:tag]
	Privileged bool              `yaml:"privileged"`
	Labels     map[string]string `yaml:"labels"`
}

// container puts a process into a container and tells the model about it.
func (w *world) container(p *process, n *yaml.Node) error {
	if n == nil {
		return nil
	}
	c := containerSpec{}
	if n.Kind == yaml.ScalarNode {
		c.ID = n.Value
	} else if err := decodeStrict(n, &c); err != nil {
		return err
	}
	if c.ID == "" {
		c.ID = c.Name
	}
	if c.ID == "" {
		return fmt.Errorf("line %d: a container has an id or a name", n.Line)
	}
	full := containerID(c.ID)
	p.cgroups = []string{"cpuset=/docker/" + full, "cpu=/docker/" + full, "memory=/docker/" + full}
	if w.told[full] || n.Kind == yaml.ScalarNode {
		return nil
	}
	w.told[full] = true
	return w.tell(&c, full)
}

// tell makes the event that brings a container's data, as captures have it.
func (w *world) tell(c *containerSpec, full string) error {
	info := &container.Info{
		Type: container.Docker, ID: container.ShortID(full), FullID: full, Name: c.Name, Image: c.Image,
		Privileged: container.TriOf(c.Privileged), Labels: container.MakeLabels(c.Labels, maxLabel), Size: -1,
		CreatedTime: bootTime / 1e9,
	}
	info.ImageRepo, info.ImageTag, info.ImageDigest = container.SplitImage(c.Image)
	info.Finish()
	w.ts += stepTime
	raw, err := info.AppendEvent(nil, w.ts, false)
	if err != nil {
		return err
	}
	e := event{line: w.line}
	if err := e.DecodeLarge(raw); err != nil {
		return err
	}
	w.events = append(w.events, e)
	return nil
}

// stepOpen opens a file as programs do today: with openat.
func (w *world) stepOpen(a *attrs) error {
	if n := a.take("path"); n != nil {
		a.values["name"], a.order = n, append(a.order, "name")
	}
	for _, d := range []struct{ key, value string }{{"flags", "O_RDONLY"}, {"dev", "2049"}, {"ino", "4711"}} {
		if a.values[d.key] == nil {
			a.values[d.key] = &yaml.Node{Kind: yaml.ScalarNode, Value: d.value, Line: a.line}
			a.order = append(a.order, d.key)
		}
	}
	if a.values["name"] == nil {
		return fmt.Errorf("line %d: open needs the path of a file", a.line)
	}
	return w.stepCall("open", scap.EvOpenatV2X, a)
}

// Ends of connections that a script does not name.
const (
	ownAddress4 = "10.0.0.5"
	ownAddress6 = "fd00::5"
	ownPort     = 40000
)

// socket makes the socket that a connection begins with.
func (w *world) socket(p *process, fd int64, remote netip.Addr, proto string) error {
	family, typ, number := 2, 1, 6
	if remote.Is6() {
		family = 10
	}
	switch proto {
	case "tcp":
	case "udp":
		typ, number = 2, 17
	default:
		return fmt.Errorf("line %d: proto is tcp or udp, not %q", w.line, proto)
	}
	enc, err := encodeAll(scap.EvSocketX, map[string]any{"fd": fd, "domain": family, "type": typ, "proto": number})
	if err != nil {
		return err
	}
	return w.emit(scap.EvSocketX, p, false, enc)
}

// ends takes the two ends of a connection: the one at key and the own one.
func (w *world) ends(a *attrs, key, own string) (remote, local netip.AddrPort, err error) {
	text, err := a.text(key, "")
	if err != nil {
		return remote, local, err
	}
	if remote, err = netip.ParseAddrPort(text); err != nil {
		return remote, local, fmt.Errorf("line %d: %s is an address such as 10.0.0.1:80 or [::1]:80, not %q", a.line, key, text)
	}
	address := ownAddress4
	if remote.Addr().Is6() {
		address = ownAddress6
	}
	usual := netip.AddrPortFrom(netip.MustParseAddr(address), ownPort).String()
	if text, err = a.text(own, usual); err != nil {
		return remote, local, err
	}
	if local, err = netip.ParseAddrPort(text); err != nil || local.Addr().Is4() != remote.Addr().Is4() {
		return remote, local, fmt.Errorf("line %d: %s is an address of the same kind as %s, not %q", a.line, own, key, text)
	}
	return remote, local, nil
}

// stepConnect connects to an address or to a Unix socket.
func (w *world) stepConnect(a *attrs) error {
	p, err := w.actor(a)
	if err != nil {
		return err
	}
	result, err := a.text("res", "0")
	if err != nil {
		return err
	}
	proto, err := a.text("proto", "tcp")
	if err != nil {
		return err
	}
	fd, err := a.number("fd", noFD)
	if err != nil {
		return err
	}
	if fd == noFD {
		fd = p.newFD()
	}
	p.lastFD = fd
	params := map[string]any{"fd": fd}
	if n := a.values["to"]; n != nil && strings.HasPrefix(n.Value, "/") {
		a.take("to")
		params["addr"], params["tuple"] = scap.AppendSockaddrUnix(nil, n.Value), scap.AppendSocktupleUnix(nil, 1, 2, n.Value)
	} else {
		remote, local, err := w.ends(a, "to", "from")
		if err != nil {
			return err
		}
		if err := w.socket(p, fd, remote.Addr(), proto); err != nil {
			return err
		}
		params["addr"], params["tuple"] = scap.AppendSockaddr(nil, remote), scap.AppendSocktuple(nil, local, remote)
	}
	if err := a.left("connect", []string{"to", "from", "proto", "res", "fd", "by"}); err != nil {
		return err
	}
	res, err := errno(result)
	if err != nil {
		return fmt.Errorf("line %d: res: %w", a.line, err)
	}
	params["res"] = res
	enc, err := encodeAll(scap.EvConnectX, params)
	if err != nil {
		return err
	}
	return w.emit(scap.EvConnectX, p, true, enc)
}

// stepAccept takes a connection that somebody else made.
func (w *world) stepAccept(a *attrs) error {
	p, err := w.actor(a)
	if err != nil {
		return err
	}
	remote, local, err := w.ends(a, "from", "at")
	if err != nil {
		return err
	}
	fd, err := a.number("fd", noFD)
	if err != nil {
		return err
	}
	if fd == noFD {
		fd = p.newFD()
	}
	p.lastFD = fd
	if err := a.left("accept", []string{"from", "at", "fd", "by"}); err != nil {
		return err
	}
	enc, err := encodeAll(scap.EvAccept4V6X, map[string]any{
		"fd": fd, "tuple": scap.AppendSocktuple(nil, remote, local), "queuepct": 0, "queuelen": 0, "queuemax": 128, "flags": 0,
	})
	if err != nil {
		return err
	}
	return w.emit(scap.EvAccept4V6X, p, true, enc)
}

// stepWait lets time pass.
func (w *world) stepWait(a *attrs) error {
	text, err := a.text("time", "")
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("line %d: wait is a time such as 5s, not %q", a.line, text)
	}
	w.ts += uint64(d)
	return a.left("wait", []string{"time"})
}
