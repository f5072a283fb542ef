// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// protocols are the names that the kernel gives to the protocols of sockets.
var protocols = map[string]socket{
	"TCP": {kind: FDIPv4, l4: L4TCP}, "TCPv6": {kind: FDIPv6, l4: L4TCP},
	"MPTCP": {kind: FDIPv4, l4: L4TCP}, "MPTCPv6": {kind: FDIPv6, l4: L4TCP},
	"UDP": {kind: FDIPv4, l4: L4UDP}, "UDPv6": {kind: FDIPv6, l4: L4UDP},
	"UDP-Lite": {kind: FDIPv4, l4: L4Unknown}, "UDPLITEv6": {kind: FDIPv6, l4: L4Unknown},
	"SCTP": {kind: FDIPv4, l4: L4Unknown}, "SCTPv6": {kind: FDIPv6, l4: L4Unknown},
	"PING": {kind: FDIPv4, l4: L4ICMP}, "PINGv6": {kind: FDIPv6, l4: L4ICMP},
	"RAW": {kind: FDIPv4, l4: L4Raw}, "RAWv6": {kind: FDIPv6, l4: L4Raw},
	"UNIX": {kind: FDUnix}, "UNIX-STREAM": {kind: FDUnix},
	"NETLINK": {kind: FDNetlink},
}

// socketProtocol tells what a socket is that stands in no table: one that is
// neither bound nor connected, one of a namespace that its process has left,
// or one of a family without a table, such as packet sockets. The kernel has
// the name of the protocol as an attribute of the open file.
func socketProtocol(fdDir dir, num string) socket {
	// The call takes a path only; this one leads to the directory that is open.
	path := "/proc/thread-self/fd/" + strconv.Itoa(int(fdDir)) + "/" + num
	var name [64]byte
	n, err := unix.Getxattr(path, "system.sockprotoname", name[:])
	if err != nil || n == 0 {
		return socket{}
	}
	if name[n-1] == 0 {
		n--
	}
	if s, ok := protocols[string(name[:n])]; ok {
		return s
	}
	return socket{kind: FDUnsupported}
}
