// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
)

// The names that rules use most, for hosts without a services database
// (IANA service name and port number registry).
const wellKnownServices = `
ftp-data 20/tcp
ftp 21/tcp
ssh 22/tcp
telnet 23/tcp
smtp 25/tcp mail
domain 53/tcp
domain 53/udp
bootps 67/udp
bootpc 68/udp
tftp 69/udp
http 80/tcp www
kerberos 88/tcp
pop3 110/tcp
sunrpc 111/tcp portmapper
sunrpc 111/udp portmapper
ntp 123/udp
imap2 143/tcp imap
snmp 161/udp
ldap 389/tcp
https 443/tcp
https 443/udp
microsoft-ds 445/tcp
syslog 514/udp
submission 587/tcp
ldaps 636/tcp
imaps 993/tcp
pop3s 995/tcp
socks 1080/tcp
ms-sql-s 1433/tcp
nfs 2049/tcp
mysql 3306/tcp
postgresql 5432/tcp
amqp 5672/tcp
redis 6379/tcp
http-alt 8080/tcp
`

type services struct {
	ports    map[string]uint16
	tcp, udp map[uint16]string
}

var serviceDB = sync.OnceValue(func() *services {
	s := &services{ports: map[string]uint16{}, tcp: map[uint16]string{}, udp: map[uint16]string{}}
	if f, err := os.Open("/etc/services"); err == nil {
		s.read(f)
		f.Close()
	}
	s.read(strings.NewReader(wellKnownServices))
	return s
})

// read adds a services database (services(5)); what is known already stays.
func (s *services) read(r io.Reader) {
	for sc := bufio.NewScanner(r); sc.Scan(); {
		line, _, _ := strings.Cut(sc.Text(), "#")
		w := strings.Fields(line)
		if len(w) < 2 {
			continue
		}
		num, proto, _ := strings.Cut(w[1], "/")
		port, err := strconv.ParseUint(num, 10, 16)
		if err != nil {
			continue
		}
		names := s.tcp
		switch proto {
		case "tcp":
		case "udp":
			names = s.udp
		default:
			continue
		}
		if _, ok := names[uint16(port)]; !ok {
			names[uint16(port)] = w[0]
		}
		for i, name := range w {
			if _, ok := s.ports[name]; !ok && i != 1 {
				s.ports[name] = uint16(port)
			}
		}
	}
}

// ServicePort returns the port of a service name (http, ssh) from the host's
// services database or, failing that, from a short list of well-known ones.
func ServicePort(name string) (port uint16, ok bool) {
	port, ok = serviceDB().ports[name]
	return port, ok
}

// serviceName returns the name of a port, "" when it has none.
func serviceName(port uint16, udp bool) string {
	if udp {
		return serviceDB().udp[port]
	}
	return serviceDB().tcp[port]
}
