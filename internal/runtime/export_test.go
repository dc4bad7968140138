package runtime

// RunDir is where an engine with that root keeps what a reboot takes.
func RunDir(root string) string { return mustLayout(root).run }

// CgroupDir is the path of its cgroups, in each hierarchy.
func CgroupDir(root string) string { return mustLayout(root).cgroups() }

func mustLayout(root string) layout {
	l, err := layoutOf(root)
	if err != nil {
		panic(err)
	}
	return l
}
