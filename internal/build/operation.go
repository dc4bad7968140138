package build

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/llbsolver/ops/opsutils"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"

	"github.com/seaworthyhq/seaworthy/internal/cause"
	"github.com/seaworthyhq/seaworthy/internal/event"
)

const localSource = "local://"

// operation is one of a target's, and the vertex of the solver that it is.
type operation struct {
	cause.Operation
	vertex digest.Digest
}

// operations are those of the graph that was last solved for the target, inputs before what they go into. Files of the context
// count by their content.
func (s *targetSolve) operations(ctx context.Context) ([]operation, error) {
	read := operationReader{targetSolve: s, keys: map[digest.Digest]digest.Digest{}, folders: map[digest.Digest]*folder{}}
	defer read.close(ctx)
	placed := s.graph.placed(s.progress.written[s.target.Variant])
	var all []operation
	for _, n := range s.graph.nodes {
		if strings.HasPrefix(n.source, localSource) {
			read.folders[n.digest] = &folder{node: n}
			continue
		}
		op, found := s.why.claim(n.digest)
		if found != nil {
			var err error
			op, err = read.operation(ctx, n, stepsOf(placed[n.digest]))
			if found(op, err); err != nil {
				return all, err
			}
		}
		op = s.written(op, n, placed[n.digest])
		read.keys[n.digest] = op.Key
		all = append(all, operation{op, n.digest})
	}
	return all, nil
}

// written adds where an operation is written, as far as the target knows.
func (s *targetSolve) written(op cause.Operation, n node, places []event.Place) cause.Operation {
	op.Stages, op.Places = stepsOf(places), nil
	if op.Line, op.Text = s.progress.find(n); op.Line == 0 {
		op.File = ""
		if n.source == "" {
			op.Text = plain(n.name)
		}
		return op
	}
	op.File = s.req.filename()
	for _, at := range places {
		text := n.trigger()
		if text == "" {
			text = s.progress.lines(place{at.Line, max(at.Line, at.EndLine)})
		}
		op.Places = append(op.Places, cause.Place{Step: at.Step, Line: at.Line, Text: text})
	}
	return op
}

// operationReader finds out what the nodes of one target do.
type operationReader struct {
	*targetSolve
	keys    map[digest.Digest]digest.Digest // of operations, by vertex
	folders map[digest.Digest]*folder       // of the user's, by vertex
}

// folder is one of the user's side, brought in when something takes from it.
type folder struct {
	node node
	got  solver.CachedResult
}

func (r *operationReader) close(ctx context.Context) {
	for _, f := range r.folders {
		if f.got != nil {
			_ = f.got.Release(context.WithoutCancel(ctx)) // nothing was written
		}
	}
}

func (r *operationReader) operation(ctx context.Context, n node, steps []string) (cause.Operation, error) {
	op := cause.Operation{Source: withoutSecrets(n.source), Asked: n.meta.GetIgnoreCache()}
	_, text := r.progress.find(n)
	does, err := n.read()
	if err != nil {
		return op, err
	}
	h := digest.SHA256.Digester()
	if err := describe(h.Hash(), does); err != nil {
		return op, err
	}
	op.Does = h.Digest()
	op.How = how(does)
	op.Uses = r.why.uses(r.target.Variant, does, text)
	op.Chosen = r.why.chosen(r.target.Variant, steps)
	op.Arguments = r.why.argumentsAmong(r.target.Variant, op.Uses)
	var takes []taken
	for i, in := range n.inputs {
		key := r.keys[in]
		if from, ok := r.folders[in]; ok {
			t := taken{from: from.node, selectors: selectors(does, i)}
			if t.folder, err = r.folder(ctx, from); err != nil {
				return op, err
			}
			t.content, err = contentOf(ctx, t, r.sid)
			if ctx.Err() != nil {
				return op, context.Cause(ctx)
			}
			if err != nil { // a file that is not there: the build says so
				t.content = digest.FromString("without content: " + text)
			}
			takes, key = append(takes, t), t.content
		} else {
			op.Inputs = append(op.Inputs, key)
		}
		fmt.Fprintln(h.Hash(), key)
	}
	op.Key = h.Digest()
	if len(takes) > 0 {
		op.Files, err = r.builder.lists.keep(ctx, takes, r.why.listedBefore(steps, text), r.sid)
	}
	if len(takes) == 1 && err == nil {
		op.Ignores, err = r.ignores(takes[0].from)
	}
	return op, err
}

// ignores names what an ignore file keeps from being sent of a folder.
func (r *operationReader) ignores(n node) (digest.Digest, error) {
	op, err := n.read()
	if err != nil {
		return "", err
	}
	var patterns []string
	if attr := op.GetSource().GetAttrs()[pb.AttrExcludePatterns]; attr != "" {
		if err := json.Unmarshal([]byte(attr), &patterns); err != nil {
			return "", fmt.Errorf("read what is left out of a folder: %w", err)
		}
	}
	return r.builder.lists.keepPatterns(patterns)
}

// folder is what a node has brought in from the user's side. The job has it already.
func (r *operationReader) folder(ctx context.Context, f *folder) (solver.CachedResult, error) {
	if f.got != nil {
		return f.got, nil
	}
	last, err := (&pb.Op{Inputs: []*pb.Input{{Digest: f.node.digest.String()}}}).MarshalVT()
	if err != nil {
		return nil, err
	}
	def := &pb.Definition{Def: [][]byte{f.node.raw, last}, Metadata: map[string]*pb.OpMetadata{f.node.digest.String(): f.node.meta}}
	res, err := r.bridge.Solve(ctx, frontend.SolveRequest{Definition: def}, r.sid)
	if err != nil {
		return nil, err
	}
	f.got, err = res.Ref.Result(ctx)
	return f.got, err
}

// taken is what an operation takes from a folder.
type taken struct {
	from      node
	folder    solver.Result
	selectors []opsutils.Selector // none: all
	content   digest.Digest
}

func contentOf(ctx context.Context, t taken, sid string) (digest.Digest, error) {
	return opsutils.NewContentHashFunc(t.selectors)(ctx, t.folder, session.NewGroup(sid))
}

// withoutSecrets is a source without what may be a password or a token in it. References of images have none.
func withoutSecrets(source string) string {
	if source == "" || strings.HasPrefix(source, cause.ImageSource) {
		return source
	}
	u, err := url.Parse(source)
	if err != nil {
		scheme, _, _ := strings.Cut(source, "://")
		return scheme + "://"
	}
	u.User, u.RawQuery, u.ForceQuery = nil, "", false
	return u.String()
}

func (n node) read() (*pb.Op, error) {
	var op pb.Op
	if err := op.UnmarshalVT(n.raw); err != nil {
		return nil, fmt.Errorf("read build definition: %w", err)
	}
	return &op, nil
}

// describe writes what an operation does, without what goes into it and without what makes no difference to the cache.
func describe(w io.Writer, op *pb.Op) error {
	op = op.CloneVT()
	for _, in := range op.Inputs {
		in.Digest = ""
	}
	if meta := op.GetExec().GetMeta(); meta != nil {
		meta.ProxyEnv = nil
		for _, h := range meta.ExtraHosts {
			h.IP = ""
		}
	}
	return json.NewEncoder(w).Encode(op) // which sorts maps
}

// how tells of what RUN does besides its text what makes a difference.
func how(op *pb.Op) map[string]string {
	exec := op.GetExec()
	if exec == nil {
		return nil
	}
	meta := exec.GetMeta()
	return map[string]string{
		"shell":             tell(meta.GetArgs()[:max(len(meta.GetArgs())-1, 0)]),
		"user":              tell(meta.GetUser()),
		"working directory": tell(meta.GetCwd()),
		"network":           tell(exec.GetNetwork()),
		"security":          tell(exec.GetSecurity()),
		"hosts":             tell(hosts(meta)),
		"limits":            tell(meta.GetUlimit()),
		"mounts":            tell(exec.GetMounts()),
		"platform":          tell(op.GetPlatform()),
	}
}

func hosts(meta *pb.Meta) (names []string) {
	for _, h := range meta.GetExtraHosts() {
		names = append(names, h.Host)
	}
	return names
}

// tell is something short that tells a value from others, and does not give it away.
func tell(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return digest.FromBytes(text).Encoded()[:16]
}

// selectors are the parts of an input that the operation takes; none mean all of it.
func selectors(op *pb.Op, input int) []opsutils.Selector {
	var found []opsutils.Selector
	for _, a := range op.GetFile().GetActions() {
		if c := a.GetCopy(); c != nil && int(a.SecondaryInput) == input {
			found = append(found, opsutils.Selector{
				Path: c.Src, FollowLinks: c.FollowSymlink, Wildcard: c.AllowWildcard && strings.ContainsAny(c.Src, `*?[`),
				IncludePatterns: c.IncludePatterns, ExcludePatterns: c.ExcludePatterns, RequiredPaths: c.RequiredPaths,
			})
		}
	}
	for _, m := range op.GetExec().GetMounts() {
		if int(m.Input) == input {
			found = append(found, opsutils.Selector{Path: cmp.Or(m.Selector, "/"), FollowLinks: true})
		}
	}
	return slices.Clip(found)
}
