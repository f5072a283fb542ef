// SPDX-License-Identifier: Apache-2.0

package main

func init() {
	provide(map[string]step{
		"nmap":           {run: named("nmap", "-sS", peer+"/24")},
		"linpeas":        {run: named("linpeas.sh", "-a")},
		"find-setuid":    {run: named("find", "/", "-perm", "-4000", "-type", "f")},
		"find-setuid-us": {run: named("find", "/", "-xdev", "-perm", "-u=s")},
		"getcap-all":     {run: named("getcap", "-r", "/")},
		"find-by-name":   {run: named("find", "/etc", "-name", "*.conf", "-perm", "0644")},
		"getcap-one":     {run: named("getcap", "/usr/bin/ping")},
		"metadata":       {run: metadata(command("bash", "-c", "exec 3<>/dev/tcp/169.254.169.254/80")), isolated: true},
		"curl-metadata":  {run: metadata(as("curl", "ask-metadata")), isolated: true},
		"ask-metadata":   {run: ask("169.254.169.254:80")},
		"metadata-agent": {run: as("cloud-init", "curl-metadata")},
	})
}
