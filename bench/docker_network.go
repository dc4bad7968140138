package main

import (
	"errors"
	"net"
	"os/exec"
	"strings"
)

// dockerSubnet is the bridge's address; its own, so that it is in nobody's way.
const dockerSubnet = "10.213.77.1/24"

const dockerBridge = "docker0"

// noOtherDocker makes sure that what is removed at the end is not somebody else's.
func noOtherDocker() error {
	if _, err := net.InterfaceByName(dockerBridge); err == nil {
		return errors.New("there is a bridge " + dockerBridge + ": a Docker runs on this machine, or left it there (ip link delete " + dockerBridge + ")")
	}
	return nil
}

// removeDockerNetwork removes the bridge, the rules that name it or Docker's chains, and then the chains.
func removeDockerNetwork() error {
	var errs []error
	if _, err := net.InterfaceByName(dockerBridge); err == nil {
		errs = append(errs, exec.Command("ip", "link", "delete", dockerBridge).Run())
	}
	for _, table := range []string{"nat", "filter"} {
		rules, err := output(exec.Command("iptables-save", "-t", table))
		errs = append(errs, err)
		iptables := func(args ...string) {
			_, err := output(exec.Command("iptables", append([]string{"--wait", "-t", table}, args...)...))
			errs = append(errs, err)
		}
		for rule := range strings.Lines(rules) {
			words := strings.Fields(rule)
			if len(words) > 2 && words[0] == "-A" && isDockers(rule) {
				iptables(append([]string{"-D"}, words[1:]...)...)
			}
		}
		for chain := range strings.Lines(rules) {
			if strings.HasPrefix(chain, ":DOCKER") {
				iptables("-X", strings.TrimPrefix(strings.Fields(chain)[0], ":"))
			}
		}
	}
	return errors.Join(errs...)
}

func isDockers(rule string) bool {
	return strings.Contains(rule, "DOCKER") || strings.Contains(rule, dockerBridge) || strings.Contains(rule, "10.213.77.")
}
