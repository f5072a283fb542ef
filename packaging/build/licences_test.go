// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestLicencesAreToldByTheirWords(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"                 Apache License\n           Version 2.0, January 2004\n", "Apache-2.0"},
		{"Licensed under the Apache License, Version 2.0 (the \"License\")", "Apache-2.0"},
		{"Permission is hereby granted, free of charge, to any person", "MIT"},
		{"Redistribution and use in source and binary\nforms, with or without\n * Neither the name of Google Inc.", "BSD-3-Clause"},
		{"Redistribution and use in source and binary forms, with or without", "BSD-2-Clause"},
		{"Permission to use, copy, modify, and/or distribute this software for any", "ISC"},
		{"Apache License Version 2.0 ... MIT License: Permission is hereby granted, free of charge", "Apache-2.0 AND MIT"},
		{"You may look at this on Sundays.", ""},
		{"", ""},
	} {
		if got := classify(c.text); got != c.want {
			t.Errorf("%.40q is %q, want %q", c.text, got, c.want)
		}
	}
}

func TestEverythingLinkedInHasALicence(t *testing.T) {
	modules, err := linkedModules(t.Context(), &options{sources: "../..", tags: "grpcnotrace"}, "amd64")
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{}
	apache := 0
	for _, m := range modules {
		has[m.path] = true
		if m.ids[0] == "Apache-2.0" {
			apache++
		}
		if len(m.ids) == 0 || len(m.texts) == 0 {
			t.Errorf("%s: %v", m.path, m.ids)
		}
	}
	for _, path := range []string{"std", "github.com/cilium/ebpf", "go.uber.org/zap"} {
		if !has[path] {
			t.Errorf("%s is missing", path)
		}
	}
	if has["honnef.co/go/tools"] || has["github.com/tiercel/tiercel"] {
		t.Error("tools, or the agent itself, are taken for parts of others")
	}
	all := thirdParty(modules)
	for _, want := range []string{"the Go standard library: BSD-3-Clause", "Copyright 2009 The Go Authors", "github.com/cilium/ebpf"} {
		if !strings.Contains(all, want) {
			t.Errorf("the list of licences lacks %q", want)
		}
	}
	if n := strings.Count(all, "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION"); n == 0 || n >= apache {
		t.Errorf("the Apache License stands there %d times for %d modules: a text that many share is written once", n, apache)
	}
}

func TestTheCopyrightFileIsInDebiansForm(t *testing.T) {
	o := &options{sources: "../.."}
	text, err := copyright(o, homepage, []linked{
		{path: "example.org/a/b", ids: []string{"MIT"}, holders: []string{"Copyright (c) 2020 Somebody"}, texts: []licenceText{{"LICENSE", "MIT", "Permission\n\ngranted"}}},
		{path: "example.org/c", ids: []string{"Apache-2.0"}, texts: []licenceText{{"LICENSE", "Apache-2.0", "long"}, {"NOTICE", "", "Made by C."}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n",
		"\nFiles: vendor/example.org/a/b/*\nCopyright: Copyright (c) 2020 Somebody\nLicense: Expat~example.org-a-b\n Permission\n .\n granted\n",
		"\nFiles: vendor/example.org/c/*\nCopyright: the authors of example.org/c\nLicense: Apache-2.0\nComment: Its notice:\n Made by C.\n",
		"/usr/share/common-licenses/GPL-2.", "License: GPL-2 or Expat\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the copyright file lacks %q", want)
		}
	}
	for i, line := range strings.Split(text, "\n") {
		if line != strings.TrimRight(line, " \t") {
			t.Errorf("line %d ends with a space", i+1)
		}
	}
}
