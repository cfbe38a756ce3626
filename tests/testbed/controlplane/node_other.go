//go:build !linux

package main

import (
	"fmt"
	"os"
)

func runNode() int {
	fmt.Fprintln(os.Stderr, "node: a real node needs Linux")
	return 1
}

func runNodeInit() int { return runNode() }
