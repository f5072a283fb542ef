// SPDX-License-Identifier: Apache-2.0

// Package rulework is the work on rules without an agent that runs: it checks
// rules files beyond what loading them tells (Check), and runs the tests that
// are written beside rules (Test).
//
// # Tests of rules
//
// A test is a short script of events and the alerts that are expected of it.
// The events are made as a driver would make them and go through the same
// model, matcher and formats as live ones. A file of tests is YAML:
//
//	rules: [../my_rules.yaml]      # files, folders, or default; -r overrides it
//	rule_matching: all             # first or all; else as configured
//	disable: "Noisy*"              # patterns of rules, also enable
//	host:                          # what there is before the first event
//	  name: web1
//	  users: {postgres: 70}        # beside root, daemon, www-data, nobody, alice
//	  processes:
//	    - {path: /usr/sbin/nginx, user: www-data}
//	tests:
//	  - name: a shell below a web server
//	    events:
//	      - exec: {path: /bin/sh, args: [-c, id], parent: nginx}
//	    expect:
//	      - rule: Shell started*   # name or pattern; all but the rule is optional
//	        priority: NOTICE
//	        output: [parent=nginx] # each is part of the text
//	        fields: {user.name: www-data}
//	        count: 1
//	  - name: what must not be seen
//	    events: [{open: /etc/hosts}]
//	    expect: none
//	  - name: about one rule only
//	    capture: trace.scap        # instead of events
//	    silent: [Some rule]        # must not fire; the others may
//
// The alerts of a test are those that expect lists, in that order; others:
// ignored makes alerts of rules that it does not name count for nothing.
//
// Every machine begins with systemd (1), sshd (500) and a bash (900) of alice.
// An event is a map of one name to what belongs to it, or to the one value
// that matters most. Names are those of the event table, with the parameters
// of the table: chmod: {filename: /tmp/x, mode: S_ISUID}. Flags are names
// joined by |, results numbers or names such as ENOENT, addresses host:port.
// What is left out succeeds, gets the next descriptor, or has no value; the
// descriptor that was made last is called last. by says which process acts, by
// its name or number; without it that of the last event does. A name that
// nobody has is that of a service which was started before.
//
//	exec     path, args, parent (a new process of it) or by (in its place),
//	         name, user, uid, gid, cwd, tty, env, cgroups, container
//	         ({name, image, labels, privileged} or a name), pid, and what else
//	         execve has
//	open     path, flags, and what else openat has
//	connect  to, from, proto (tcp, udp), res, fd; to may be the path of a socket
//	accept   from, at, fd
//	wait     a time, such as 5s
//
// Tests lie in a folder of their own, tests, below the rules: every .yaml file
// of a folder of rules is read as rules. Their names end in _test.yaml.
//
// # Checks
//
// Findings have a level, a code and a place. Codes that begin with LOAD_ are
// those of a load, see package rules; the others begin with CHECK_.
package rulework
