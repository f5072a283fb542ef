// SPDX-License-Identifier: Apache-2.0

package captool

import (
	"fmt"
	"time"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/capture"
	"github.com/tiercel/tiercel/sinsp/container"
	"github.com/tiercel/tiercel/sinsp/container/runtimes"
)

// containers tells a recording of the containers of this host, so that what
// only their runtimes know is in the file.
type containers struct {
	rt    *runtimes.Runtimes
	table *container.Table // belongs to the model where there is one
	news  []containerNews
	again bool // a file was begun that knows of none yet
}

// containerNews is a change that is not written yet.
type containerNews struct {
	info    *container.Info
	removed bool
}

// openContainers begins to ask the runtimes of this host.
func (r *recording) openContainers() {
	cfg := container.DefaultConfig()
	if r.sys.Containers != nil {
		cfg = *r.sys.Containers
	}
	cfg.Hooks = []string{container.HookCreate, container.HookStart, container.HookRemove}
	mail := container.NewMailbox(0)
	c := &r.containers
	c.rt = runtimes.New(cfg, r.sys.State.HostRoot, mail)
	o := cfg.TableOptions()
	o.Ask, o.Mail = c.rt.Ask, mail
	c.table = container.NewTable(o)
	c.table.OnChange(func(box *container.Container, removed bool) {
		if i := box.Info(); i != nil {
			c.news = append(c.news, containerNews{i, removed})
		}
	})
	r.sys.State.Containers = c.table
	c.rt.Start()
}

// tellContainers writes what has been learnt of containers. It stands before
// the events of the batch, with the time of the first of them.
func (r *recording) tellContainers() error {
	c := &r.containers
	ts := uint64(time.Now().UnixNano())
	if len(r.batch.Events) > 0 {
		ts = r.batch.Events[0].Timestamp()
	}
	if r.engine != nil {
		r.engine.PollContainers()
	} else {
		c.table.Poll(ts)
	}
	if c.again {
		c.again, c.news = false, c.news[:0]
		for box := range c.table.All() {
			if i := box.Info(); i != nil {
				c.news = append(c.news, containerNews{info: i})
			}
		}
	}
	for _, n := range c.news {
		if err := r.writeContainer(n, ts); err != nil {
			return err
		}
	}
	c.news = c.news[:0]
	return nil
}

func (r *recording) writeContainer(n containerNews, ts uint64) error {
	raw, err := n.info.AppendEvent(nil, ts, n.removed)
	if err != nil {
		return fmt.Errorf("record container %s: %w", n.info.ID, err)
	}
	var ev scap.Event
	if err := ev.DecodeLarge(raw); err != nil {
		return fmt.Errorf("record container %s: %w", n.info.ID, err)
	}
	if r.cond != nil {
		ev.Flags |= capture.FlagFiltered // for the model, not for who looks
	}
	return r.out.Write(&ev)
}
