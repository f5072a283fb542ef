// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// installPage returns the commands of the page about installing, for the packages of
// the tests.
func installPage(t *testing.T) (text string, commands []string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	text = strings.ReplaceAll(string(page), "tiercel_VERSION_x86_64.apk", "tiercel_1.2.3_pre20260102030405_x86_64.apk")
	text = strings.ReplaceAll(text, "VERSION", pkgVersion)
	for _, m := range regexp.MustCompile(`(?m)^    (\S.*)$`).FindAllStringSubmatch(text, -1) {
		commands = append(commands, m[1])
	}
	return text, commands
}

func TestTheInstallPageNamesPackagesThatAreMade(t *testing.T) {
	text, commands := installPage(t)
	names := regexp.MustCompile(`tiercel[-_][-_0-9A-Za-z.+~]+\.(deb|rpm|apk|tar\.gz)`)
	found := names.FindAllString(strings.Join(commands, "\n")+text[:strings.Index(text, "\n## ")], -1)
	if len(found) < 8 {
		t.Fatalf("the page names only %v", found)
	}
	for _, name := range found {
		if strings.Contains(name, "...") {
			continue // stands for several
		}
		if _, err := os.Stat(built(t, name)); err != nil {
			t.Errorf("the page names %s, which is not made", name)
		}
	}
}

// What needs no host of its own is run: the tarball into a folder, the sums, the lists.
func TestCommandsOfTheInstallPageRun(t *testing.T) {
	_, commands := installPage(t)
	root := t.TempDir()
	dist := built(t, "")
	ran := 0
	for _, line := range commands {
		line = strings.ReplaceAll(line, "sudo ", "")
		switch word, _, _ := strings.Cut(line, " "); word {
		case "sha256sum", "dpkg-deb", "grep":
		case "rpm":
			if _, err := exec.LookPath("rpm"); err != nil {
				continue
			}
		case "tar":
			line = strings.ReplaceAll(line, "-C /", "-C "+root)
			line = strings.ReplaceAll(line, `|/\1|p`, "|"+root+`/\1|p`)
		default:
			continue
		}
		line = strings.ReplaceAll(line, " /usr/share", " "+root+"/usr/share")
		if strings.Contains(line, "sbom") && !exists(root+"/usr/share/doc/tiercel/sbom.cdx.json") {
			// The page removes the tarball before it looks at the list; unpack it again.
			for _, again := range commands {
				if again = strings.ReplaceAll(again, "sudo ", ""); strings.HasPrefix(again, "tar -xzf") {
					line = strings.ReplaceAll(again, "-C /", "-C "+root) + " && " + line
				}
			}
		}
		ran++
		c := exec.Command("sh", "-c", line)
		c.Dir = dist
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
		if strings.HasPrefix(line, "tar -tzf") {
			if left, _ := filepath.Glob(root + "/usr/bin/*"); len(left) > 0 {
				t.Errorf("after removing the tarball %v is left", left)
			}
			if !exists(root + "/etc/tiercel/tiercel.yaml") {
				t.Error("removing the tarball took the configuration")
			}
		}
	}
	if ran < 5 {
		t.Errorf("only %d commands were run: the test looks in the wrong place", ran)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
