// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/tiercel/tiercel/drivers/schema"

func cCodes(s *schema.Schema) ([]byte, error) { return nil, nil }
func cFlags(s *schema.Schema) ([]byte, error) { return nil, nil }
func cSyscalls(s *schema.Schema) ([]byte, error) { return nil, nil }
func cFillers(s *schema.Schema) ([]byte, error) { return nil, nil }
func cList(s *schema.Schema) ([]byte, error) { return nil, nil }
