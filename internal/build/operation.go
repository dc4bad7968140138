package build

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/solver"
	"github.com/moby/buildkit/solver/llbsolver/ops/opsutils"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
)

// Operation is one of those that an image is made by. Comparing those of two images says what made them differ.
type Operation struct {
	// Key is of what it does and of all that goes into it, the content of files included: where it ran although its key was
	// known, the cache was not used or has lost it.
	Key    digest.Digest
	Inputs []digest.Digest // keys of the operations that it takes from
	Source string          // what it fetches, "docker-image://…", where it fetches something
	Stages []string        // by key of their step
	File   string          // and line from 1: where it is written; none for what comes with another instruction
	Line   int
	Text   string
}

const localSource = "local://"

// operations are those of the graph that was last solved for the target. Files of the context count by their content.
func (s *targetSolve) operations(ctx context.Context) ([]Operation, error) {
	keys := map[digest.Digest]digest.Digest{}
	folders := map[digest.Digest]solver.Result{}
	owners := s.graph.owners(s.req.Stages)
	var all []Operation
	for _, n := range s.graph.nodes {
		if strings.HasPrefix(n.source, localSource) {
			folder, err := s.folder(ctx, n)
			if err != nil {
				return nil, err
			}
			defer folder.Release(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was written
			folders[n.digest] = folder
			continue
		}
		op := Operation{Source: n.source, Stages: owners[n.digest]}
		if op.Line, op.Text = s.progress.find(n); op.Line > 0 {
			op.File = s.req.filename()
		}
		h := digest.SHA256.Digester()
		if err := n.describe(h.Hash()); err != nil {
			return nil, err
		}
		for i, in := range n.inputs {
			key := keys[in]
			if folder, ok := folders[in]; ok {
				var err error
				if key, err = opsutils.NewContentHashFunc(n.selectors(i))(ctx, folder, session.NewGroup(s.sid)); err != nil {
					return nil, fmt.Errorf("hash what %s takes: %w", op.Text, err)
				}
			} else {
				op.Inputs = append(op.Inputs, key)
			}
			fmt.Fprintln(h.Hash(), key)
		}
		op.Key = h.Digest()
		keys[n.digest] = op.Key
		all = append(all, op)
	}
	return all, nil
}

// folder is what a node has brought in from the user's side. The job has it already.
func (s *targetSolve) folder(ctx context.Context, n node) (solver.CachedResult, error) {
	last, err := (&pb.Op{Inputs: []*pb.Input{{Digest: n.digest.String()}}}).MarshalVT()
	if err != nil {
		return nil, err
	}
	res, err := s.bridge.Solve(ctx, frontend.SolveRequest{Definition: &pb.Definition{Def: [][]byte{n.raw, last}}}, s.sid)
	if err != nil {
		return nil, err
	}
	return res.Ref.Result(ctx)
}

// describe writes what the operation does, without what goes into it.
func (n node) describe(w io.Writer) error {
	var op pb.Op
	if err := op.UnmarshalVT(n.raw); err != nil {
		return fmt.Errorf("read build definition: %w", err)
	}
	for _, in := range op.Inputs {
		in.Digest = ""
	}
	return json.NewEncoder(w).Encode(&op) // which sorts maps
}

// selectors are the parts of an input that the operation takes; none mean all of it.
func (n node) selectors(input int) []opsutils.Selector {
	var op pb.Op
	if op.UnmarshalVT(n.raw) != nil {
		return nil
	}
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
			found = append(found, opsutils.Selector{Path: m.Selector, FollowLinks: true})
		}
	}
	return slices.Clip(found)
}
