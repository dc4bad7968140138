package cli

import (
	"slices"
	"strings"
)

// inherited are the variables that an engine takes from who starts it: where programs and certificates are, and the way out.
// All others stay behind. They may be secrets, which everybody who can read the engine's process would see, and the shell of
// whoever came first would count for all who come later.
var inherited = []string{
	"PATH", "HOME", "TMPDIR", "TZ", "LANG", "DOCKER_CONFIG", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "GODEBUG", "GOMEMLIMIT", "GOGC", "GOTRACEBACK",
}

// engineEnvironment is what of an environment an engine is started with.
func engineEnvironment(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return !strings.HasPrefix(name, "SEAWORTHY_") && !slices.Contains(inherited, strings.ToUpper(name))
	})
}
