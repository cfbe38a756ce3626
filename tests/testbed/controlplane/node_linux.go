package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// nodeFlags are what a node is told. The same go to its first process.
type nodeFlags struct {
	name       string
	apiServer  string
	kubelet    string
	programs   string
	kubeconfig string
	authority  string
	busybox    string
	images     []string
	cgroup     string
}

func readNodeFlags() nodeFlags {
	var flags nodeFlags
	set := flag.NewFlagSet("node", flag.ExitOnError)
	set.StringVar(&flags.name, "name", "", "the name of the node")
	set.StringVar(&flags.apiServer, "api-server", "", "the API server's port on the loopback address")
	set.StringVar(&flags.kubelet, "kubelet", "", "the kubelet's port on the loopback address")
	set.StringVar(&flags.programs, "programs", "", "the folder of containerd and the network plugins")
	set.StringVar(&flags.kubeconfig, "kubeconfig", "", "the kubelet's kubeconfig")
	set.StringVar(&flags.authority, "authority", "", "the certificate of the authority that the API server shows the kubelet")
	set.StringVar(&flags.busybox, "busybox", "", "a static busybox, of which the image is made")
	set.Func("image", "a name of the image; may be said more than once", func(name string) error {
		flags.images = append(flags.images, name)
		return nil
	})
	set.StringVar(&flags.cgroup, "cgroup", "", "set by the node itself")
	_ = set.Parse(os.Args[1:])
	return flags
}

// runNode is a real node: containerd and a kubelet, with processes, mounts and a
// network of their own. Whatever they leave is gone with the first of these
// processes; only their cgroups have to be removed. The network has no way out:
// the two ports that a node needs are carried over by this process, which stands
// outside.
func runNode() int {
	if err := node(readNodeFlags()); err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		return 1
	}
	return 0
}

func node(flags nodeFlags) error {
	// This thread gets another network; what others do stays outside. It also has
	// to stay: its end would be that of the node.
	runtime.LockOSThread()
	removeDeadCgroups()
	flags.cgroup = cgroupPrefix + strconv.Itoa(os.Getpid())
	if err := makeCgroup(flags.cgroup); err != nil {
		return err
	}
	defer removeCgroup(flags.cgroup)

	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("make a network namespace: %w", err)
	}
	if err := loopbackUp(nodeAddress); err != nil {
		return err
	}
	inside, err := net.Listen("tcp", "127.0.0.1:"+flags.apiServer)
	if err != nil {
		return err
	}
	go relay(inside, func() (net.Conn, error) { return net.Dial("tcp", "127.0.0.1:"+flags.apiServer) })

	dials := make(chan chan net.Conn)
	outside := make(chan error, 1)
	go func() {
		listener, err := net.Listen("tcp", "127.0.0.1:"+flags.kubelet)
		if err != nil {
			outside <- err
			return
		}
		relay(listener, func() (net.Conn, error) {
			answer := make(chan net.Conn)
			dials <- answer
			if connection := <-answer; connection != nil {
				return connection, nil
			}
			return nil, errors.New("the kubelet does not listen")
		})
	}()

	program, err := os.Executable()
	if err != nil {
		return err
	}
	first := exec.Command(program, os.Args[1:]...)
	first.Args = append([]string{"node-init", "--cgroup=" + flags.cgroup}, os.Args[1:]...)
	first.Stdout, first.Stderr = os.Stdout, os.Stderr
	// Its standard input is not our starter's.
	_ = os.Unsetenv("WINDLASS_TESTBED_LIFELINE")
	first.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
	}
	if err := first.Start(); err != nil {
		return fmt.Errorf("start the first process: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- first.Wait() }()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	lifeline := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(lifeline)
	}()
	for {
		select {
		case answer := <-dials:
			// In this thread, so that it is the node's own network.
			connection, _ := net.Dial("tcp", "127.0.0.1:"+flags.kubelet)
			answer <- connection
			continue
		case err = <-ended:
			return fmt.Errorf("the first process ended: %w", err)
		case err = <-outside:
		case <-stop:
		case <-lifeline:
		}
		// The end of the first process is the end of all: this waits for them.
		_ = first.Process.Kill()
		<-ended
		return err
	}
}

// relay carries what comes to a listener on to where dial leads.
func relay(listener net.Listener, dial func() (net.Conn, error)) {
	for {
		near, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer near.Close()
			far, err := dial()
			if err != nil {
				return
			}
			defer far.Close()
			done := make(chan struct{}, 2)
			carry := func(to, from net.Conn) {
				_, _ = io.Copy(to, from)
				if to, ok := to.(*net.TCPConn); ok {
					_ = to.CloseWrite()
				}
				done <- struct{}{}
			}
			go carry(far, near)
			go carry(near, far)
			<-done
			<-done
		}()
	}
}

// loopbackUp makes the loopback interface of a new network work, with a second
// address: a node's own may not be a loopback address.
func loopbackUp(address [4]byte) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	set := func(name string, request uint, value func(*unix.Ifreq) error) error {
		interfaceRequest, err := unix.NewIfreq(name)
		if err == nil {
			err = value(interfaceRequest)
		}
		if err == nil {
			err = unix.IoctlIfreq(socket, request, interfaceRequest)
		}
		if err != nil {
			return fmt.Errorf("set up %s: %w", name, err)
		}
		return nil
	}
	up := func(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING); return nil }
	if err := set("lo", unix.SIOCSIFFLAGS, up); err != nil {
		return err
	}
	return set("lo:1", unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(address[:]) })
}

// cgroupPrefix and the process id of a node are the name of its cgroup.
const cgroupPrefix = "windlass-testbed-"

// hierarchies are the folders in which cgroups are made: one in version 2, one
// for each controller in version 1.
func hierarchies() []string {
	const root = "/sys/fs/cgroup"
	if _, err := os.Stat(root + "/cgroup.controllers"); err == nil {
		return []string{root}
	}
	mounts, _ := os.ReadFile("/proc/self/mounts")
	var found []string
	for _, line := range strings.Split(string(mounts), "\n") {
		if fields := strings.Fields(line); len(fields) > 2 && (fields[2] == "cgroup" || fields[2] == "cgroup2") {
			found = append(found, fields[1])
		}
	}
	return found
}

func makeCgroup(name string) error {
	for _, root := range hierarchies() {
		controllers, err := os.ReadFile(root + "/cgroup.controllers")
		if err == nil {
			for _, controller := range strings.Fields(string(controllers)) {
				// One at a time: those that cannot be passed on do not keep the others.
				_ = os.WriteFile(root+"/cgroup.subtree_control", []byte("+"+controller), 0o644)
			}
		}
		if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("make a cgroup: %w", err)
		}
	}
	return nil
}

// removeCgroup removes what nothing runs in any more. The kernel may take a
// moment to see it that way.
func removeCgroup(name string) {
	for _, root := range hierarchies() {
		for try := 0; try < 100; try++ {
			var all []string
			_ = filepath.WalkDir(filepath.Join(root, name), func(path string, entry os.DirEntry, err error) error {
				if err == nil && entry.IsDir() {
					all = append(all, path)
				}
				return nil
			})
			left := false
			for i := len(all) - 1; i >= 0; i-- {
				left = os.Remove(all[i]) != nil || left
			}
			if !left {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// removeDeadCgroups removes those of nodes that were killed before they could.
func removeDeadCgroups() {
	for _, root := range hierarchies() {
		paths, _ := filepath.Glob(filepath.Join(root, cgroupPrefix+"*"))
		for _, path := range paths {
			name := filepath.Base(path)
			id, err := strconv.Atoi(strings.TrimPrefix(name, cgroupPrefix))
			if err == nil && errors.Is(syscall.Kill(id, 0), syscall.ESRCH) {
				removeCgroup(name)
			}
		}
	}
}
