// Package schema publishes the JSON Schema of seaworthy.yaml. Editors complete and check with it; so does Seaworthy. It is
// generated from the types in internal/project: go generate ./internal/project
package schema

import _ "embed"

// Seaworthy is the JSON Schema (draft 2020-12) of seaworthy.yaml.
//
//go:embed seaworthy.schema.json
var Seaworthy []byte
