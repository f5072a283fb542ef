// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// canaries are files that nobody but the steps opens.
const canaries = "/srv/canary/"

// canaryRules are the administrator's own, in /etc/tiercel/rules.d.
const canaryRules = `- rule: Canary opened
  desc: A file of the tests was opened.
  condition: evt.type in (open, openat, openat2) and fd.name startswith /srv/canary/ and evt.is_open_read = true
  output: canary file=%fd.name user=%user.name exe=%proc.exepath cwd=%proc.cwd container=%container.id name=%container.name image=%container.image.repository groups=%thread.cgroups mark=MARK
  priority: WARNING
  capture: true
`

// rulesFile and configFile are what an administrator adds to the package.
const (
	rulesFile  = "/etc/tiercel/rules.d/pkgtest.yaml"
	configFile = "/etc/tiercel/config.d/pkgtest.yaml"
)

func setRules(mark string) error {
	return write(rulesFile, strings.Replace(canaryRules, "MARK", mark, 1))
}

var canary atomic.Int64

// newCanary makes a file whose name no alert has had yet.
func newCanary() string {
	path := fmt.Sprintf("%s%d", canaries, canary.Add(1))
	_ = os.MkdirAll(canaries, 0o755)
	_ = write(path, "")
	return path
}

// alertTime is how long an alert may take, on a slow machine.
const alertTime = 15 * time.Second

// sing opens a canary once, by a command of which %s is the file, and returns
// its alert.
func (g *guest) sing(command string) (string, error) {
	path, at := newCanary(), g.mark()
	if _, err := run(fmt.Sprintf(command, path)); err != nil {
		return "", err
	}
	return g.await(at, alertTime, "canary file="+path+" ")
}

// sings is sing for those who only want to know whether there is an alert.
func (g *guest) sings() error {
	_, err := g.sing("cat %s")
	return err
}

const (
	dockerID = "2400edb296c5d631fef083a30c680f71801b0409a9676ee546c084d0087d7c7d"
	podmanID = "77aa0db296c5d631fef083a30c680f71801b0409a9676ee546c084d0087d7c11"
	imageID  = "0ca0fed353fb77c247abada85aebc667fd1f5fa0b5f6ab1efb26867ba18f2f0a"
)

// serveRuntime is a container runtime that knows one container.
func serveRuntime(socket, id, name string, uid int) error {
	if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
		return err
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	for _, path := range []string{socket, filepath.Dir(socket)} {
		if strings.Contains(path, "/user/") {
			if err := os.Chown(path, uid, uid); err != nil {
				return err
			}
		}
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		return err
	}
	answer := fmt.Sprintf(`{"Id":%q,"Created":"2026-11-23T14:36:58.02Z","Name":%q,"Image":"sha256:%s","State":{"Pid":1},"HostConfig":{},"Mounts":[],`+
		`"Config":{"Image":"registry.example/%s:v1","Env":[],"Labels":{}},"NetworkSettings":{"Networks":{}}}`, id, "/"+name, imageID, name)
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Api-Version", "1.41")
			w.Header().Set("Content-Type", "application/json")
			switch p := r.URL.Path; {
			case strings.HasSuffix(p, "/_ping"):
			case strings.HasSuffix(p, "/events"):
				w.WriteHeader(http.StatusOK)
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			case strings.HasSuffix(p, "/containers/json"):
				fmt.Fprint(w, "[]")
			case strings.Contains(p, "/containers/"+id[:12]):
				fmt.Fprint(w, answer)
			default:
				w.WriteHeader(http.StatusNotFound)
				fmt.Fprintf(w, `{"message":"No such thing: %s"}`, p)
			}
		}))
	}()
	return nil
}

// inContainer runs a command in a control group as a container has it.
func inContainer(group string, uid int, args ...string) error {
	dir := "/sys/fs/cgroup" + group
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	// What runs containers has controllers handed down to it; where a process is
	// is told by theirs.
	at := "/sys/fs/cgroup"
	for _, part := range strings.Split(strings.Trim(group, "/"), "/") {
		if err := write(at+"/cgroup.subtree_control", "+memory +pids"); err != nil {
			return err
		}
		at += "/" + part
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(f.Fd()), Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w: %s", args, err, out)
	}
	return nil
}

// collect takes what http_output sends.
func collect(address string) (got func() string, err error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	var all atomic.Pointer[string]
	empty := ""
	all.Store(&empty)
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var b strings.Builder
			buf := make([]byte, 4096)
			for {
				n, err := r.Body.Read(buf)
				b.Write(buf[:n])
				if err != nil {
					break
				}
			}
			text := *all.Load() + b.String() + "\n" // requests come one after the other
			all.Store(&text)
		}))
	}()
	return func() string { return *all.Load() }, nil
}

// help is what the program does for a step in a process of its own: it waits for
// a file to appear and opens another.
func help(args []string) {
	trigger, target := args[0], args[1]
	for end := time.Now().Add(5 * time.Minute); !exists(trigger) && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	_, _ = os.ReadFile(target)
}
