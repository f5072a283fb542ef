// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tiercel/tiercel/scap"
	"github.com/tiercel/tiercel/scap/capture"
)

func TestAnAlertStartsACapture(t *testing.T) {
	prefix := filepath.Join(t.TempDir(), "alert")
	w := newWorld(t, strings.Replace(ruleOn("A", "/etc/a", "a"), "  priority", "  capture: true\n  priority", 1)+ruleOn("B", "/etc/b", "b"),
		"-o", "capture.enabled=true", "-o", "capture.path_prefix="+prefix)
	w.driver.Play(execCat(), openFile(100, "/etc/b"), openFile(100, "/etc/a"), openFile(100, "/etc/c")).End()
	if s := w.run(); s != 0 {
		t.Fatalf("status %d: %s", s, &w.err)
	}
	if !strings.Contains(w.err.String(), "Capture is enabled in mode 'rules'. Capturing events to "+prefix) {
		t.Errorf("stderr: %s", &w.err)
	}
	files, err := filepath.Glob(prefix + "_*.scap")
	if err != nil || len(files) != 1 {
		t.Fatalf("captures: %v %v", files, err)
	}
	r, err := capture.Open(files[0], capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got strings.Builder
	for err == nil {
		var b scap.Batch
		err = r.Next(&b, time.Second)
		for i := range b.Events {
			got.Write(b.Events[i].Raw())
		}
		r.Release(&b)
	}
	text := got.String()
	if !errors.Is(err, io.EOF) || !strings.Contains(text, "/etc/a") || !strings.Contains(text, "/etc/c") || strings.Contains(text, "/etc/b") {
		t.Errorf("the capture has %q (%v), want the alert's event and those behind it", text, err)
	}
}
