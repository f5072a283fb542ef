// SPDX-License-Identifier: Apache-2.0

// Generate writes what is made of the Helm chart: the manifests for those who
// do not use Helm, and the table of values in the chart's README; with -package
// instead the chart of a version as an archive. It is run in test/manifests.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tiercel/tiercel/test/manifests"
)

func main() {
	out := flag.String("package", "", "only write the chart as an archive into this `folder`")
	version := flag.String("version", "", "its `version`, and that of the image")
	created := flag.Int64("created", 0, "`time` of its files, in seconds since 1970")
	flag.Parse()
	do := run
	if *out != "" {
		do = func() error {
			file, err := manifests.Package(*out, *version, time.Unix(*created, 0))
			if err == nil {
				fmt.Println(file)
			}
			return err
		}
	}
	if err := do(); err != nil {
		fmt.Fprintf(os.Stderr, "generate: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	readme, err := manifests.Readme()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(manifests.ChartDir, "README.md"), []byte(readme), 0o644); err != nil {
		return err
	}
	static, err := manifests.Static()
	if err != nil {
		return err
	}
	if err := os.RemoveAll(manifests.StaticDir); err != nil {
		return err
	}
	if err := os.MkdirAll(manifests.StaticDir, 0o755); err != nil {
		return err
	}
	for name, text := range static {
		if err := os.WriteFile(filepath.Join(manifests.StaticDir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
