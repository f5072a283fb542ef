// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"strings"
	"testing"
)

func TestServicesDatabase(t *testing.T) {
	s := &services{ports: map[string]uint16{}, tcp: map[uint16]string{}, udp: map[uint16]string{}}
	s.read(strings.NewReader("# comment\n\nweb 80/tcp www # the web\nweb 81/tcp\nname 53/udp\nbad 99999/tcp\nnone\nodd 7/sctp\n"))
	for name, port := range map[string]uint16{"web": 80, "www": 80, "name": 53} {
		if s.ports[name] != port {
			t.Errorf("%s is %d, want %d", name, s.ports[name], port)
		}
	}
	if len(s.ports) != 3 || s.tcp[80] != "web" || s.tcp[81] != "web" || s.udp[53] != "name" || len(s.udp) != 1 {
		t.Errorf("read %+v", s)
	}
}

func FuzzServicesDatabase(f *testing.F) {
	f.Add("http 80/tcp www\n# x\nssh 22/tcp")
	f.Fuzz(func(_ *testing.T, text string) {
		s := &services{ports: map[string]uint16{}, tcp: map[uint16]string{}, udp: map[uint16]string{}}
		s.read(strings.NewReader(text))
	})
}
