// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"

	"go.uber.org/zap"

	"github.com/tiercel/tiercel/sinsp/container"
	"github.com/tiercel/tiercel/sinsp/container/runtimes"
)

// openContainers makes the table of containers of this host and what asks the
// runtimes for their details. It has to be started.
func (r *run) openContainers() (*container.Table, *runtimes.Runtimes) {
	mail := container.NewMailbox(0)
	rt := runtimes.New(r.cfg.Containers, r.HostRoot, mail)
	rt.Notify = notifyRuntime(r.log.Logger)
	o := r.cfg.Containers.TableOptions()
	o.Ask, o.Mail = rt.Ask, mail
	return container.NewTable(o), rt
}

// notifyRuntime tells of runtimes that begin or cease to answer. It is called
// by any goroutine.
func notifyRuntime(log *zap.Logger) func(path string, err error) {
	return func(path string, err error) {
		if err == nil {
			log.Info(fmt.Sprintf("Container runtime %s answers", path))
			return
		}
		log.Warn(fmt.Sprintf("Container runtime %s does not answer: %v; details of its containers are missing until it does", path, err))
	}
}
