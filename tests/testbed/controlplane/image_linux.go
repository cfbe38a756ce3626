package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
)

// startScript is what a container of the image runs if it is not told otherwise:
// it writes two lines to its log, serves a page, and ends when it is asked to.
const startScript = `#!/bin/sh
trap 'exit 0' TERM
echo started
for port in 80 8080; do httpd -p $port -h /srv 2>/dev/null; done
echo ready
while :; do sleep 3600 & wait $!; done
`

type file struct {
	name string
	link string
	mode int64
	text []byte
}

// writeImages writes two archives: image.tar, a small Linux under all these
// names, and pause.tar, which holds a pod's namespaces.
func writeImages(folder string, busybox []byte, applets, names []string) error {
	files := []file{
		{name: "bin/", mode: 0o755},
		{name: "etc/", mode: 0o755},
		{name: "root/", mode: 0o700},
		{name: "srv/", mode: 0o755},
		{name: "tmp/", mode: 0o1777},
		{name: "bin/busybox", mode: 0o755, text: busybox},
		{name: "bin/start", mode: 0o755, text: []byte(startScript)},
		{name: "etc/passwd", mode: 0o644, text: []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")},
		{name: "etc/group", mode: 0o644, text: []byte("root:x:0:\nnogroup:x:65534:\n")},
		{name: "srv/index.html", mode: 0o644, text: []byte("served by a real container\n")},
	}
	for _, applet := range applets {
		if applet != "busybox" {
			files = append(files, file{name: "bin/" + applet, link: "busybox", mode: 0o777})
		}
	}
	layer, err := pack(files)
	if err != nil {
		return err
	}
	if err := writeImage(filepath.Join(folder, "image.tar"), layer, []string{"/bin/start"}, names); err != nil {
		return err
	}
	pause := []string{"/bin/sleep", "2147483647"}
	return writeImage(filepath.Join(folder, "pause.tar"), layer, pause, []string{"windlass.invalid/pause:1"})
}

func pack(files []file) ([]byte, error) {
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	for _, file := range files {
		header := &tar.Header{Name: file.name, Mode: file.mode, Size: int64(len(file.text)), Typeflag: tar.TypeReg}
		switch {
		case file.link != "":
			header.Typeflag, header.Linkname = tar.TypeSymlink, file.link
		case file.name[len(file.name)-1] == '/':
			header.Typeflag = tar.TypeDir
		}
		if err := writer.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := writer.Write(file.text); err != nil {
			return nil, err
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return archive.Bytes(), nil
}

type object = map[string]any

// writeImage writes an OCI image layout with one image under all these names.
func writeImage(path string, layer []byte, command, names []string) error {
	files := []file{
		{name: "blobs/", mode: 0o755},
		{name: "blobs/sha256/", mode: 0o755},
		{name: "oci-layout", mode: 0o644, text: []byte(`{"imageLayoutVersion":"1.0.0"}`)},
	}
	blob := func(kind string, content []byte) object {
		sum := sha256.Sum256(content)
		hash := hex.EncodeToString(sum[:])
		files = append(files, file{name: "blobs/sha256/" + hash, mode: 0o644, text: content})
		return object{"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + hash, "size": len(content)}
	}
	document := func(value object) []byte {
		// Maps of strings and numbers can always be written.
		text, _ := json.Marshal(value)
		return text
	}
	layers := blob("layer.v1.tar", layer)
	config := blob("config.v1+json", document(object{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config":       object{"Cmd": command, "Env": []string{"PATH=/bin"}},
		"rootfs":       object{"type": "layers", "diff_ids": []any{layers["digest"]}},
	}))
	manifest := blob("manifest.v1+json", document(object{
		"schemaVersion": 2,
		"mediaType":     "application/vnd.oci.image.manifest.v1+json",
		"config":        config,
		"layers":        []any{layers},
	}))
	var manifests []object
	for _, name := range names {
		manifests = append(manifests, object{
			"mediaType": manifest["mediaType"], "digest": manifest["digest"], "size": manifest["size"],
			"annotations": object{"io.containerd.image.name": name},
		})
	}
	index := document(object{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests})
	files = append(files, file{name: "index.json", mode: 0o644, text: index})
	archive, err := pack(files)
	if err != nil {
		return err
	}
	return os.WriteFile(path, archive, 0o600)
}
