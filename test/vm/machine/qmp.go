// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// monitor speaks to QEMU (docs/interop/qmp-spec.rst of its sources).
type monitor struct {
	conn net.Conn
	in   *json.Decoder
	err  error // the first one; nothing is asked after it
}

// answerTime is how long QEMU may take for an answer, on a host with much to do:
// a machine that was told to stand still must be told to go on.
const answerTime = time.Minute

// newMonitor returns a monitor, and the other end of its socket for QEMU.
func newMonitor() (*monitor, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "qmp"), os.NewFile(uintptr(fds[1]), "qmp")
	conn, err := net.FileConn(ours)
	if err := errors.Join(err, ours.Close()); err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return &monitor{conn: conn, in: json.NewDecoder(conn)}, theirs, nil
}

// attach makes cmd, which is to start QEMU, speak at that other end.
func attach(cmd *exec.Cmd, end *os.File) {
	cmd.ExtraFiles = append(cmd.ExtraFiles, end)
	fd := 2 + len(cmd.ExtraFiles)
	cmd.Args = append(cmd.Args, "-chardev", fmt.Sprintf("socket,id=qmp,fd=%d", fd), "-mon", "chardev=qmp,mode=control")
}

// greet ends the handshake; commands are taken from then on.
func (m *monitor) greet() { m.do("qmp_capabilities", nil) }

// do executes a command and returns what it returns as a string, if it does.
func (m *monitor) do(command string, arguments map[string]any) string {
	if m.err != nil {
		return ""
	}
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	m.err = m.conn.SetDeadline(time.Now().Add(answerTime))
	if m.err == nil {
		m.err = json.NewEncoder(m.conn).Encode(request)
	}
	for m.err == nil {
		var answer struct {
			Return json.RawMessage `json:"return"`
			Error  *struct {
				Desc string `json:"desc"`
			} `json:"error"`
		}
		m.err = m.in.Decode(&answer)
		switch {
		case m.err != nil:
		case answer.Error != nil:
			m.err = fmt.Errorf("%s: %s", command, answer.Error.Desc)
		case answer.Return != nil: // what is neither is a greeting or an event
			var text string
			_ = json.Unmarshal(answer.Return, &text) // {} where there is nothing to tell
			return text
		}
	}
	return ""
}

// human executes a command of the monitor for people, as of one processor.
func (m *monitor) human(cpu int, line string) string {
	return m.do("human-monitor-command", map[string]any{"command-line": line, "cpu-index": cpu})
}

func (m *monitor) close() { _ = m.conn.Close() }
