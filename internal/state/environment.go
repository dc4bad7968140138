package state

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/seaworthyhq/seaworthy/internal/ledger"
	"github.com/seaworthyhq/seaworthy/internal/release"
	"github.com/seaworthyhq/seaworthy/internal/rollout"
)

// Environment is what should be in one environment.
type Environment struct {
	Environment release.Environment `json:"environment"`
	// Serving is where traffic goes; nil before the first deployment.
	Serving *rollout.Serving `json:"serving,omitempty"`
	// Pending is what a deployment is bringing up. It is recorded before the first act and taken away with the last, so that an
	// engine that starts finds what another one left unfinished.
	Pending *Pending `json:"pending,omitempty"`
	// Last is the number of the last deployment.
	Last int `json:"last"`
	// Scale has replica counts set by hand, by service.
	Scale map[string]Scale `json:"scale,omitempty"`
	// Held is set by a rollback: up refuses until resume. The text says why.
	Held string `json:"held,omitempty"`
	// Pins has the digests that tags of image: services stand for, until --pull.
	Pins map[string]release.Image `json:"pins,omitempty"`
	// Ports has the host ports that were chosen where none was given: "web/8080/tcp" to port.
	Ports map[string]int `json:"ports,omitempty"`
}

// Pending is a deployment that has not ended.
type Pending struct {
	Deployment release.Deployment `json:"deployment"`
	Desired    rollout.Desired    `json:"desired"`
	// Scale is the environment's once the deployment has succeeded.
	Scale map[string]Scale `json:"scale,omitempty"`
	// GivenUp is who gave it up: what served before is to serve again. Empty: nobody.
	GivenUp string `json:"givenUp,omitempty"`
}

// Scale is a replica count set by hand. It holds until the file's own count changes from what it was then.
type Scale struct {
	Replicas int `json:"replicas"`
	File     int `json:"file"`
}

// Environment returns what should be in env, the zero value if it is not known.
func (t Tx) Environment(env release.Environment) (Environment, error) {
	e := Environment{Environment: env}
	if t.tx.Bucket(bucketEnvironments).Get([]byte(env.String())) == nil {
		return e, nil
	}
	if err := get(t.tx.Bucket(bucketEnvironments), []byte(env.String()), &e); err != nil {
		return e, fmt.Errorf("read environment %w", err)
	}
	return e, nil
}

// PutEnvironment replaces what should be in an environment.
func (t Tx) PutEnvironment(e Environment) error {
	if err := put(t.tx.Bucket(bucketEnvironments), []byte(e.Environment.String()), e); err != nil {
		return fmt.Errorf("write environment %s: %w", e.Environment, err)
	}
	return nil
}

// Environments returns all environments that are known, by name.
func (t Tx) Environments() ([]Environment, error) {
	var all []Environment
	err := t.tx.Bucket(bucketEnvironments).ForEach(func(_, v []byte) error {
		var e Environment
		if err := json.Unmarshal(v, &e); err != nil {
			return fmt.Errorf("read environments: %w", err)
		}
		all = append(all, e)
		return nil
	})
	return all, err
}

// StartDeployment numbers and records a deployment and its intent. It takes over from one that has not ended.
func (t Tx) StartDeployment(d release.Deployment, desired rollout.Desired) (Environment, error) {
	e, err := t.Environment(d.Environment)
	if err != nil {
		return e, err
	}
	if e.Pending != nil && e.Pending.Deployment.Number != d.Number {
		left := e.Pending.Deployment
		left.Result, left.Ended, left.Error = release.Cancelled, d.Started, d.Name()+" took over"
		if err := t.EndDeployment(left); err != nil {
			return e, err
		}
	}
	e.Last = d.Number
	e.Pending = &Pending{Deployment: d, Desired: desired}
	if err := t.PutEnvironment(e); err != nil {
		return e, err
	}
	if err := put(t.tx.Bucket(bucketDeployments), deploymentKey(d.Environment, d.Number), d); err != nil {
		return e, err
	}
	return e, t.Record(ledger.DeploymentStarted, d.Environment, d.Name(), d.Actor, d)
}

// GiveUpDeployment records that a deployment is to be given up. It is ErrNotFound unless that one is under way.
func (t Tx) GiveUpDeployment(env release.Environment, number int, actor string) error {
	e, err := t.Environment(env)
	if err != nil {
		return err
	}
	if e.Pending == nil || e.Pending.Deployment.Number != number {
		return fmt.Errorf("give up %s#%d: %w", env, number, ErrNotFound)
	}
	e.Pending.GivenUp = cmp.Or(actor, "somebody")
	if err := t.PutEnvironment(e); err != nil {
		return err
	}
	return t.Record(ledger.DeploymentGivenUp, env, e.Pending.Deployment.Name(), actor, nil)
}

// EndDeployment records how a deployment ended and takes its intent away.
func (t Tx) EndDeployment(d release.Deployment) error {
	e, err := t.Environment(d.Environment)
	if err != nil {
		return err
	}
	if e.Pending != nil && e.Pending.Deployment.Number == d.Number {
		e.Pending = nil
	}
	if err := t.PutEnvironment(e); err != nil {
		return err
	}
	if err := put(t.tx.Bucket(bucketDeployments), deploymentKey(d.Environment, d.Number), d); err != nil {
		return err
	}
	return t.Record(ledger.DeploymentEnded, d.Environment, d.Name(), d.Actor, d)
}

// Deployment returns one deployment of an environment.
func (t Tx) Deployment(env release.Environment, number int) (release.Deployment, error) {
	var d release.Deployment
	err := get(t.tx.Bucket(bucketDeployments), deploymentKey(env, number), &d)
	return d, err
}

// Deployments returns the deployments of an environment, the last one first, at most limit of them (0: all).
func (t Tx) Deployments(env release.Environment, limit int) ([]release.Deployment, error) {
	prefix := append([]byte(env.String()), 0)
	c := t.tx.Bucket(bucketDeployments).Cursor()
	last := c.Prev // before the first key that is beyond the environment's
	if beyond, _ := c.Seek(append([]byte(env.String()), 1)); beyond == nil {
		last = c.Last
	}
	var all []release.Deployment
	for k, v := last(); k != nil && bytes.HasPrefix(k, prefix) && (limit == 0 || len(all) < limit); k, v = c.Prev() {
		var d release.Deployment
		if err := json.Unmarshal(v, &d); err != nil {
			return nil, fmt.Errorf("read deployments of %s: %w", env, err)
		}
		all = append(all, d)
	}
	return all, nil
}
