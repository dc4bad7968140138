package project

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/seaworthyhq/seaworthy/internal/release"
)

// configure reads what the stages say about their images. A stage is built FROM one above it, so one pass does.
func (p *dockerfileParser) configure() {
	envs := map[string]map[string]string{} // by stage key: what ENV and ARG have set at its end
	for i := range p.Stages {
		stage := &p.Stages[i]
		c := &stageConfigurer{dockerfileParser: p, stage: stage, env: map[string]string{}}
		if base := p.stageByKey(stage.From.Stage); base != nil {
			stage.Config = base.Config
			stage.Config.Runs, stage.Config.Command = p.triggersWork(base.Index), false
			stage.Config.Expose, stage.Config.Volumes = slices.Clone(base.Config.Expose), slices.Clone(base.Config.Volumes)
			c.env = maps.Clone(envs[base.Key])
			c.triggered(base.Index)
		}
		for _, command := range p.parsed[i].Commands {
			c.apply(command)
		}
		envs[stage.Key] = c.env
		p.given = append(p.given, c.given)
	}
}

// triggersWork reports whether building FROM a stage runs something.
func (p *dockerfileParser) triggersWork(stage int) bool {
	return slices.ContainsFunc(p.parsed[stage].Commands, func(c instructions.Command) bool {
		if trigger, ok := c.(*instructions.OnbuildCommand); ok {
			c, err := triggeredCommand(trigger)
			return err == nil && works(c)
		}
		return false
	})
}

// works reports whether a command runs or adds something.
func works(c instructions.Command) bool {
	switch c.(type) {
	case *instructions.RunCommand, *instructions.CopyCommand, *instructions.AddCommand:
		return true
	}
	return false
}

type stageConfigurer struct {
	*dockerfileParser
	stage *Stage
	env   map[string]string // what ENV and ARG have set so far
	given []string          // the arguments that are declared, with what they are
}

// triggered declares the arguments that an ONBUILD of the base stage does.
func (c *stageConfigurer) triggered(base int) {
	for _, command := range c.parsed[base].Commands {
		if trigger, ok := command.(*instructions.OnbuildCommand); ok {
			if arg, err := triggeredCommand(trigger); err == nil {
				if arg, ok := arg.(*instructions.ArgCommand); ok {
					c.declare(arg)
				}
			}
		}
	}
}

func (c *stageConfigurer) apply(command instructions.Command) {
	config := &c.stage.Config
	config.Runs = config.Runs || works(command)
	switch x := command.(type) {
	case *instructions.ArgCommand:
		c.declare(x)
	case *instructions.EnvCommand:
		for _, kv := range x.Env {
			c.env[c.word(kv.Key)] = c.word(kv.Value)
		}
	case *instructions.CmdCommand, *instructions.EntrypointCommand:
		config.Command = true
	case *instructions.ExposeCommand:
		for _, port := range x.Ports {
			c.expose(port, lineOf(x.Location()))
		}
	case *instructions.VolumeCommand:
		for _, v := range x.Volumes {
			if v = c.word(v); !slices.Contains(config.Volumes, v) {
				config.Volumes = append(config.Volumes, v)
			}
		}
	case *instructions.HealthCheckCommand:
		config.Health = &release.Health{
			Test: x.Health.Test, Interval: release.Duration(x.Health.Interval), Timeout: release.Duration(x.Health.Timeout),
			StartPeriod: release.Duration(x.Health.StartPeriod), StartInterval: release.Duration(x.Health.StartInterval), Retries: x.Health.Retries,
		}
	case *instructions.StopSignalCommand:
		config.StopSignal = c.word(x.Signal)
	}
}

func (c *stageConfigurer) declare(x *instructions.ArgCommand) {
	for _, arg := range x.Args {
		says := "=" // and its value; nothing where it has none
		if given, ok := c.Args[arg.Key]; ok {
			c.env[arg.Key] = given
		} else if arg.Value != nil {
			if c.env[arg.Key] = c.word(*arg.Value); strings.Contains(*arg.Value, "$") {
				says = " is " + *arg.Value + ", as " // what the base image says may count in it
			}
		} else if above, ok := c.dockerfileParser.args[arg.Key]; ok {
			c.env[arg.Key] = above
		} else {
			says = ""
		}
		c.given = append(c.given, arg.Key+says+c.env[arg.Key])
	}
}

// word expands variables as BuildKit does: of ENV and ARG with one name, what came last counts. What it cannot expand stays as it is:
// BuildKit will say so.
func (c *stageConfigurer) word(s string) string {
	v, err := c.expand(s, c.env)
	if err != nil {
		return s
	}
	return v
}

// expose adds "8080", "8080/udp" or "8000-8010/tcp".
func (c *stageConfigurer) expose(written string, line int) {
	ports, protocol, _ := strings.Cut(c.word(written), "/")
	protocol = strings.ToLower(protocol)
	if protocol == "" {
		protocol = "tcp"
	}
	first, last, isRange := strings.Cut(ports, "-")
	if !isRange {
		last = first
	}
	from, err := strconv.ParseUint(first, 10, 16)
	to, err2 := strconv.ParseUint(last, 10, 16)
	if ports == "" && strings.Contains(written, "$") {
		c.warn(line, fmt.Sprintf("EXPOSE %s has no value here, so its port is not known before the build", written), "give it a value with ENV or ARG in this file, or name the port in compose.yaml")
		return
	}
	if err != nil || err2 != nil || from == 0 || to < from {
		c.report(line, fmt.Sprintf("EXPOSE %s is not a port", written), "write a number from 1 to 65535, a range such as 8000-8010, and /udp where it is not TCP")
		return
	}
	known := map[release.Expose]bool{}
	for _, e := range c.stage.Config.Expose {
		known[e] = true
	}
	for port := from; port <= to; port++ {
		if e := (release.Expose{Port: int(port), Protocol: protocol}); !known[e] {
			c.stage.Config.Expose = append(c.stage.Config.Expose, e)
		}
	}
}
