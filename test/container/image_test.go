// SPDX-License-Identifier: Apache-2.0

package container

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// The image that all runtimes run. Its users are not those of any host.
const (
	imageName = "docker.io/library/boxed:v1"
	boxRoot   = "captain" // uid 0
	boxUser   = "nautilus"
	boxUID    = 41414
)

var imageFiles = map[string]string{
	"etc/passwd": "captain:x:0:0::/root:/bin/sh\nnautilus:x:41414:41414::/nowhere:/bin/sh\n",
	"etc/group":  "root:x:0:\ncrew:x:41414:\n",
}

// writeImage writes the archive that docker load, ctr import and podman load
// read.
func writeImage(t *testing.T, dir string) string {
	t.Helper()
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Skip("no busybox here (apt-get install busybox-static)")
	}
	program, err := os.ReadFile(busybox)
	if err != nil {
		t.Fatal(err)
	}
	if !isStatic(program) {
		t.Skipf("%s is not static (apt-get install busybox-static)", busybox)
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for _, d := range []string{"bin/", "etc/", "proc/", "tmp/", "dev/", "sys/"} {
		add(t, w, tar.Header{Name: d, Mode: 0o755, Typeflag: tar.TypeDir}, nil)
	}
	add(t, w, tar.Header{Name: "bin/busybox", Mode: 0o755}, program)
	for _, name := range []string{"sh", "sleep", "id", "cat", "true"} {
		add(t, w, tar.Header{Name: "bin/" + name, Typeflag: tar.TypeSymlink, Linkname: "busybox"}, nil)
	}
	for name, text := range imageFiles {
		add(t, w, tar.Header{Name: name, Mode: 0o644}, []byte(text))
	}
	done(t, w)
	sum := sha256.Sum256(layer.Bytes())
	config := marshal(t, map[string]any{
		"architecture": "amd64", "os": "linux", "created": "2026-01-01T00:00:00Z",
		"config": map[string]any{"Cmd": []string{"/bin/sleep", "1000"}, "Env": []string{"PATH=/bin"}, "Labels": map[string]string{"made": "here"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + hex.EncodeToString(sum[:])}},
	})
	manifest := marshal(t, []map[string]any{{"Config": "config.json", "RepoTags": []string{imageName}, "Layers": []string{"layer.tar"}}})
	var archive bytes.Buffer
	w = tar.NewWriter(&archive)
	add(t, w, tar.Header{Name: "config.json", Mode: 0o644}, config)
	add(t, w, tar.Header{Name: "layer.tar", Mode: 0o644}, layer.Bytes())
	add(t, w, tar.Header{Name: "manifest.json", Mode: 0o644}, manifest)
	done(t, w)
	path := filepath.Join(dir, "image.tar")
	if err := os.WriteFile(path, archive.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func isStatic(program []byte) bool {
	f, err := elf.NewFile(bytes.NewReader(program))
	return err == nil && !slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
}

func add(t *testing.T, w *tar.Writer, h tar.Header, data []byte) {
	t.Helper()
	if h.Typeflag == 0 {
		h.Typeflag = tar.TypeReg
	}
	h.Size, h.ModTime = int64(len(data)), time.Unix(1e9, 0)
	if err := w.WriteHeader(&h); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
}

func done(t *testing.T, w *tar.Writer) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
