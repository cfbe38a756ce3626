package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"golang.org/x/sys/unix"
)

//go:embed containerd.toml
var containerdConfig string

//go:embed kubelet.yaml
var kubeletConfig string

//go:embed network.conflist
var networkConfig string

// nodeAddress is the address of the node in its own network, which no other
// machine is in.
var nodeAddress = [4]byte{10, 10, 128, 1}

// Where things are on the node; the configuration files know these too.
const (
	nodeFolder       = "/run/testbed"
	containerdSocket = "/run/containerd/containerd.sock"
)

// runNodeInit is the first process of a node, in namespaces that are new.
func runNodeInit() int {
	if err := nodeInit(readNodeFlags()); err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		return 1
	}
	return 0
}

func nodeInit(flags nodeFlags) error {
	if err := furnish(flags); err != nil {
		return err
	}
	environment := []string{
		"PATH=" + nodeFolder + "/programs:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"TMPDIR=" + nodeFolder,
	}
	start := func(program string, words ...string) (int, error) {
		process, err := os.StartProcess(program, words, &os.ProcAttr{
			Env: environment, Dir: "/", Files: []*os.File{nil, os.Stdout, os.Stderr},
		})
		if err != nil {
			return 0, fmt.Errorf("start %s: %w", words[0], err)
		}
		return process.Pid, nil
	}
	containerd, err := start(nodeFolder+"/programs/containerd", "containerd", "--config="+nodeFolder+"/containerd.toml")
	if err != nil {
		return err
	}
	if err := waitForSocket(containerdSocket); err != nil {
		return err
	}
	for _, archive := range []string{"image.tar", "pause.tar"} {
		ctr := exec.Command(nodeFolder+"/programs/ctr", "--address="+containerdSocket, "--namespace=k8s.io",
			"images", "import", "--local", "--snapshotter=native", nodeFolder+"/"+archive)
		if said, err := ctr.CombinedOutput(); err != nil {
			return fmt.Errorf("import %s: %w: %s", archive, err, bytes.TrimSpace(said))
		}
	}
	kubelet, err := start("/proc/self/exe", "kubelet", "--config="+nodeFolder+"/kubelet.yaml", "--kubeconfig="+nodeFolder+"/kubeconfig",
		"--hostname-override="+flags.name, "--root-dir=/var/lib/kubelet",
		// The node's object says where it is, as with a cloud provider.
		"--cloud-provider=external")
	if err != nil {
		return err
	}
	// The first process is the parent of all that have lost theirs.
	for {
		var status unix.WaitStatus
		id, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case id == containerd:
			return fmt.Errorf("containerd ended: %v", status)
		case id == kubelet:
			return fmt.Errorf("the kubelet ended: %v", status)
		}
	}
}

// furnish mounts and writes what the node needs. All of it is in memory, and only
// this node sees it.
func furnish(flags nodeFlags) error {
	if err := unix.Sethostname([]byte(flags.name)); err != nil {
		return err
	}
	mount := func(source, target, kind string, options uintptr) error {
		if err := unix.Mount(source, target, kind, options, ""); err != nil {
			return fmt.Errorf("mount %s: %w", target, err)
		}
		return nil
	}
	if err := mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE); err != nil {
		return err
	}
	// Read and opened first: what is mounted below may hide it.
	texts := map[string]string{"containerd.toml": containerdConfig, "kubelet.yaml": kubeletConfig, "network.conflist": networkConfig}
	for name, path := range map[string]string{"kubeconfig": flags.kubeconfig, "authority.crt": flags.authority} {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		texts[name] = string(text)
	}
	programs, err := os.Open(flags.programs)
	if err != nil {
		return err
	}
	defer programs.Close()
	busybox, err := os.ReadFile(flags.busybox)
	if err != nil {
		return err
	}
	applets, err := exec.Command(flags.busybox, "--list").Output()
	if err != nil {
		return fmt.Errorf("ask %s what it can do: %w", flags.busybox, err)
	}
	for _, target := range []string{"/run", "/var/lib", "/var/log"} {
		if err := mount("node", target, "tmpfs", 0); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(nodeFolder+"/programs", 0o700); err != nil {
		return err
	}
	if err := mount(fmt.Sprintf("/proc/self/fd/%d", programs.Fd()), nodeFolder+"/programs", "", unix.MS_BIND); err != nil {
		return err
	}
	if err := mount("proc", "/proc", "proc", 0); err != nil {
		return err
	}
	if err := keepSettings(mount); err != nil {
		return err
	}
	for name, text := range texts {
		var filled strings.Builder
		values := map[string]string{"Port": flags.kubelet, "Cgroup": "/" + flags.cgroup, "Address": net.IP(nodeAddress[:]).String()}
		if err := template.Must(template.New(name).Parse(text)).Execute(&filled, values); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(nodeFolder, name), []byte(filled.String()), 0o600); err != nil {
			return err
		}
	}
	return writeImages(nodeFolder, busybox, strings.Fields(string(applets)), flags.images)
}

// keepSettings lets the kubelet find the kernel's settings as it wants them. It
// would change them otherwise, for the whole machine.
func keepSettings(mount func(source, target, kind string, options uintptr) error) error {
	for name, value := range map[string]string{
		"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
		"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
	} {
		file := filepath.Join(nodeFolder, strings.ReplaceAll(name, "/", "-"))
		if err := os.WriteFile(file, []byte(value), 0o600); err != nil {
			return err
		}
		if err := mount(file, "/proc/sys/"+name, "", unix.MS_BIND); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return nil
}

func waitForSocket(path string) error {
	var last error
	for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(10 * time.Millisecond) {
		connection, err := net.Dial("unix", path)
		if err == nil {
			return connection.Close()
		}
		last = err
	}
	return fmt.Errorf("containerd does not listen: %w", last)
}
