package release

import "testing"

func TestSpecIgnoresNumberUpdateRoutesAndOrder(t *testing.T) {
	base := Service{Name: "web", Image: Image{Digest: "sha256:aa", Ref: "web"}, Replicas: 1}
	for name, change := range map[string]func(*Service){
		"image ref":    func(s *Service) { s.Image.Ref = "web:2" },
		"replicas":     func(s *Service) { s.Replicas = 4 },
		"update":       func(s *Service) { s.Update.Order = StopFirst },
		"rollback":     func(s *Service) { s.Rollback.Parallelism = 1 },
		"ports":        func(s *Service) { s.Ports = []Port{{Published: 80, Target: 8080}} },
		"app protocol": func(s *Service) { s.AppProtocol = "http" },
		"depends_on":   func(s *Service) { s.DependsOn = []Dependency{{Service: "db"}} },
		"restart":      func(s *Service) { s.Restart.Condition = "none" },
		"stop grace":   func(s *Service) { s.StopGrace = 5 },
	} {
		changed := base
		change(&changed)
		if changed.Spec() != base.Spec() {
			t.Errorf("%s changes the spec", name)
		}
	}
}

func TestSpecCoversWhatReplicasRun(t *testing.T) {
	base := Service{Name: "web", Image: Image{Digest: "sha256:aa"}}
	for name, change := range map[string]func(*Service){
		"image":       func(s *Service) { s.Image.Digest = "sha256:bb" },
		"environment": func(s *Service) { s.Environment = map[string]string{"A": "1"} },
		"command":     func(s *Service) { s.Command = []string{"serve"} },
		"mounts":      func(s *Service) { s.Mounts = []Mount{{Kind: MountVolume, Source: "data", Target: "/data"}} },
		"health":      func(s *Service) { s.Health = &Health{Test: []string{"NONE"}} },
		"resources":   func(s *Service) { s.Resources.CPUs = 0.5 },
	} {
		changed := base
		change(&changed)
		if changed.Spec() == base.Spec() {
			t.Errorf("%s does not change the spec", name)
		}
	}
}

func TestConfigSpecFollowsDependenciesThatRestart(t *testing.T) {
	config := func(dbImage Digest, restart bool) Config {
		return Config{Services: []Service{
			{Name: "db", Image: Image{Digest: dbImage}},
			{Name: "web", DependsOn: []Dependency{{Service: "db", Restart: restart}}},
		}}
	}
	if config("sha256:aa", false).Spec("web") != config("sha256:bb", false).Spec("web") {
		t.Error("web's spec follows db although it is not to be restarted with it")
	}
	if config("sha256:aa", true).Spec("web") == config("sha256:bb", true).Spec("web") {
		t.Error("web's spec does not follow db although it is to be restarted with it")
	}
	if got := config("sha256:aa", false).Spec("gone"); got != "" {
		t.Errorf("spec of a missing service is %q", got)
	}
}

func TestConfigSpecEndsOnACycle(t *testing.T) {
	c := Config{Services: []Service{
		{Name: "a", DependsOn: []Dependency{{Service: "b", Restart: true}}},
		{Name: "b", DependsOn: []Dependency{{Service: "a", Restart: true}}},
	}}
	if c.Spec("a") == "" {
		t.Error("no spec")
	}
}
