// placeholder until drivers/schema generates it
package scap

var Events [455]EventInfo
var Syscalls [455]SyscallInfo
