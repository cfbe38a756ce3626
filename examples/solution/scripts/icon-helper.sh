#!/bin/sh
# Runs in the pod minio-helper: puts the channel icons that were copied to /tmp/default into MinIO's bucket "default".
set -eu
mc alias set minio http://minio.ef-external.svc.cluster.local:9000 "$MINIO_ROOT_USER" "$MINIO_ROOT_PASSWORD"
mc mb --ignore-existing minio/default
mc cp --recursive /tmp/default/ minio/default/
