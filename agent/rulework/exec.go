// SPDX-License-Identifier: Apache-2.0

package rulework

import (
	"fmt"

	"go.yaml.in/yaml/v4"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/sinsp/container"
)

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
