package graph

import "github.com/seaworthyhq/seaworthy/internal/project"

// Project is what a directory says, with what each stage is for. It holds no secret.
type Project struct {
	project.Project
	Stages []Node `json:"stages"` // of all Dockerfiles, in the order of the files
}

// Of is the project with the stages of its graph.
func Of(p *project.Project) Project { return Project{Project: *p, Stages: New(p).Nodes} }
