package main

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// keyFile in a layout holds the key of the inputs that it was made from.
const keyFile = "inputs"

// The recipe is an input too: with another recipe the images are made again.
//
//go:embed *.go
var recipe embed.FS

// inputs are what the images are made from, as far as this machine decides it. What Debian's mirrors hold today is not
// part of them: the images are made once, not kept up to date.
type inputs struct {
	Suite     string
	GoVersion string // "go1.26.8"
	GoRoot    string
	// GoEnv has the settings of this machine that `go mod download` in a RUN step needs as well.
	GoEnv map[string]string
	// Certificates is the machine's bundle: where a proxy opens TLS, its authority is in there.
	Certificates []byte
	Recipe       []byte
}

func readInputs(ctx context.Context, suite string) (inputs, error) {
	in := inputs{Suite: suite, GoEnv: map[string]string{}}
	goEnv := exec.CommandContext(ctx, "go", "env", "-json")
	goEnv.Dir = "/" // outside of any module: the machine's settings, not this project's
	out, err := goEnv.Output()
	if err != nil {
		return in, fmt.Errorf("ask go for its settings: %w", err)
	}
	var env map[string]string
	if err := json.Unmarshal(out, &env); err != nil {
		return in, fmt.Errorf("read settings of go: %w", err)
	}
	in.GoVersion, in.GoRoot = env["GOVERSION"], env["GOROOT"]
	for _, name := range []string{"GOPROXY", "GOSUMDB", "GOPRIVATE", "GONOPROXY", "GONOSUMDB", "GOINSECURE"} {
		if env[name] != "" && env[name] != goDefaults[name] {
			in.GoEnv[name] = env[name]
		}
	}
	if in.Certificates, err = os.ReadFile(certificates); err != nil {
		return in, fmt.Errorf("read certificates (Debian: apt-get install ca-certificates): %w", err)
	}
	in.Recipe, err = readRecipe()
	return in, err
}

var goDefaults = map[string]string{"GOPROXY": "https://proxy.golang.org,direct", "GOSUMDB": "sum.golang.org"}

func readRecipe() ([]byte, error) {
	files, err := recipe.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var all []byte
	for _, f := range files {
		if strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		content, err := recipe.ReadFile(f.Name())
		if err != nil {
			return nil, err
		}
		all = append(all, content...)
	}
	return all, nil
}

// key is equal for equal inputs.
func (in inputs) key() string {
	in.GoRoot = filepath.Clean(in.GoRoot)
	b, err := json.Marshal(struct {
		inputs
		Arch string
	}{in, runtime.GOARCH})
	if err != nil {
		panic(err) // strings and bytes only
	}
	return fmt.Sprintf("sha256:%x\n", sha256.Sum256(b))
}

// goTags are the tags of the golang image: "1.26.8", "1.26", "1" and what they are called on Debian.
func (in inputs) goTags() []string {
	version := strings.TrimPrefix(in.GoVersion, "go")
	tags := []string{"latest", in.Suite}
	for v := version; v != ""; v, _, _ = cutLast(v, ".") {
		tags = append(tags, v, v+"-"+in.Suite)
	}
	return tags
}

// cutLast is strings.Cut around the last separator; before is empty where there is none.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}
