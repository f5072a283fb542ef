// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
)

// qemu answers as one whose first processor is at the handler of its breakpoints.
type qemu struct {
	rip    string
	code   string // at the breakpoint
	stands bool
	asked  []string
}

func (q *qemu) serve(conn net.Conn) {
	in, out := json.NewDecoder(conn), json.NewEncoder(conn)
	_ = out.Encode(map[string]any{"QMP": map[string]any{"version": map[string]any{}}})
	for {
		var r struct {
			Execute   string
			Arguments struct {
				Line string `json:"command-line"`
				CPU  int    `json:"cpu-index"`
			}
		}
		if in.Decode(&r) != nil {
			return
		}
		q.stands = r.Execute == "stop" || q.stands && r.Execute != "cont"
		if r.Execute != "human-monitor-command" {
			_ = out.Encode(map[string]any{"event": strings.ToUpper(r.Execute)})
			_ = out.Encode(map[string]any{"return": map[string]any{}})
			continue
		}
		q.asked = append(q.asked, r.Arguments.Line)
		_ = out.Encode(map[string]any{"return": q.answer(r.Arguments.CPU, r.Arguments.Line)})
	}
}

// answer is in the words of QEMU 10.0, of a machine that hung.
func (q *qemu) answer(cpu int, line string) string {
	const registers = "\r\nCPU#%d\r\nRAX=0000000000000000 RBX=ffffffff82124240 RCX=0000000000000005 RDX=0000000000000000\r\n" +
		"RSI=0000000000000020 RDI=0000000000000001 RBP=ffffc90000083ee0 RSP=ffffc90000083e68\r\n" +
		"RIP=%s RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0\r\n" +
		"GDT=     fffffe0000001000 0000007f\r\nIDT=     fffffe0000000000 00000fff\r\n"
	switch {
	case line == allRegisters:
		return fmt.Sprintf(registers, 0, "ffffffff818b1cb8") + fmt.Sprintf(registers, 1, q.rip)
	case cpu == 1 && line == "x /2xg 0xfffffe0000000030":
		return "fffffe0000000030: 0x81a0ee0000100b40 0x00000000ffffffff\r\n"
	case cpu == 1 && line == "x /1xg 0xffffc90000083e68":
		return "ffffc90000083e68: 0xffffffff818bad6f\r\n"
	case line == "x /1xb 0xffffffff818bad6e":
		return q.code
	}
	return "Cannot access memory\r\n"
}

func connected(t *testing.T) (*monitor, net.Conn) {
	t.Helper()
	m, end, err := newMonitor()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.FileConn(end)
	if err := errors.Join(err, end.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return m, conn
}

// A processor that met a breakpoint which is no longer in memory runs what was
// translated before.
func TestAStaleBreakpointIsFound(t *testing.T) {
	const there, gone = "ffffffff818bad6e: 0xcc\r\n", "ffffffff818bad6e: 0x66\r\n"
	for _, c := range []struct {
		name      string
		rip, code string
		want      uint64
	}{
		{"gone", "ffffffff81a00b40", gone, 0xffffffff818bad6e},
		{"still there", "ffffffff81a00b40", there, 0},
		{"not readable", "ffffffff81a00b40", "Cannot access memory\r\n", 0},
		{"elsewhere", "ffffffff81a00b43", gone, 0},
	} {
		m, theirs := connected(t)
		q := &qemu{rip: c.rip, code: c.code}
		done := make(chan struct{})
		go func() { q.serve(theirs); close(done) }()
		m.greet()
		got := m.stale()
		m.close()
		<-done
		if got != c.want || m.err != nil || q.stands {
			t.Errorf("%s: %#x, want %#x; %v; standing still: %v; asked %q", c.name, got, c.want, m.err, q.stands, q.asked)
		}
	}
}

// An error of QEMU's ends the asking.
func TestAMonitorTellsWhatQEMURefuses(t *testing.T) {
	m, theirs := connected(t)
	go func() {
		in, out := json.NewDecoder(theirs), json.NewEncoder(theirs)
		for {
			var r any
			if in.Decode(&r) != nil {
				return
			}
			_ = out.Encode(map[string]any{"error": map[string]any{"class": "CommandNotFound", "desc": "no such command"}})
		}
	}()
	defer m.close()
	if text := m.human(0, "x"); text != "" || m.err == nil || !strings.Contains(m.err.Error(), "no such command") {
		t.Errorf("%q, %v", text, m.err)
	}
	if m.stale() != 0 {
		t.Error("a breakpoint is found all the same")
	}
}
