// Command controlplane is a whole test bed in one binary: etcd, the Kubernetes
// control plane, kwok (which plays nodes), a real node and kubectl. It acts as the
// part whose name it is called by.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
	_ "time/tzdata" // CronJobs name time zones

	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
	kwokconfig "sigs.k8s.io/kwok/pkg/config"
	kwok "sigs.k8s.io/kwok/pkg/kwok/cmd"
	kwoklog "sigs.k8s.io/kwok/pkg/log"
	"sigs.k8s.io/kwok/pkg/utils/signals"
)

func main() {
	// A server's standard input is a pipe that its starter holds open: when the
	// starter ends, in whatever way, the pipe closes and the server ends too.
	// One of the servers, not etcd, also removes the folder that they all worked
	// in, when the others had time to end.
	// A node has more to do at its end.
	name := filepath.Base(os.Args[0])
	if os.Getenv("WINDLASS_TESTBED_LIFELINE") == "stdin" && name != "node" {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			if folder := os.Getenv("WINDLASS_TESTBED_REMOVE"); folder != "" {
				time.Sleep(300 * time.Millisecond)
				_ = os.RemoveAll(folder)
			}
			os.Exit(1)
		}()
	}
	switch name {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	case "kube-controller-manager":
		os.Exit(cli.Run(controllermanager.NewControllerManagerCommand()))
	case "kube-scheduler":
		os.Exit(cli.Run(scheduler.NewSchedulerCommand()))
	case "kubelet":
		os.Exit(cli.Run(kubelet.NewKubeletCommand(context.Background())))
	case "node":
		os.Exit(runNode())
	case "node-init":
		os.Exit(runNodeInit())
	case "kwok":
		os.Exit(runKwok())
	case "kubectl":
		_, _ = logs.GlogSetter(kubectl.GetLogVerbosity(os.Args))
		if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
			kubectlutil.CheckErr(err)
		}
	default:
		fmt.Fprintf(os.Stderr, "controlplane: called as %q; "+
			"link it as etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, node, kwok or kubectl\n", name)
		os.Exit(2)
	}
}

// runKwok does what kwok's own command does: global flags and configuration
// files first, since they decide which flags and stages the command has.
func runKwok() int {
	// Kubernetes' packages have put their flags here, and kwok's command would take them for its own.
	pflag.CommandLine = pflag.NewFlagSet("kwok", pflag.ContinueOnError)
	flags := pflag.NewFlagSet("global", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	flags.Usage = func() {}
	ctx, logger := kwoklog.InitFlags(signals.SetupSignalContext(), flags)
	ctx, err := kwokconfig.InitFlags(ctx, flags)
	if err != nil {
		logger.Error("Read the configuration", "err", err)
		return 1
	}
	command := kwok.NewCommand(ctx)
	command.PersistentFlags().AddFlagSet(flags)
	if err := command.ExecuteContext(ctx); err != nil {
		logger.Error("Run kwok", "err", err)
		return 1
	}
	return 0
}
