// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"github.com/tiercel/tiercel/sinsp/container"
	"github.com/tiercel/tiercel/sinsp/container/runtimes"
)

// openContainers makes the table of containers of this host and what asks the
// runtimes for their details. It has to be started.
func (r *run) openContainers() (*container.Table, *runtimes.Runtimes) {
	mail := container.NewMailbox(0)
	rt := runtimes.New(r.cfg.Containers, r.HostRoot, mail)
	rt.Notify = newRuntimeNews(r.log.Logger, calm).changed
	o := r.cfg.Containers.TableOptions()
	o.Ask, o.Mail = rt.Ask, mail
	return container.NewTable(o), rt
}
