{{- define "slipway.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "slipway.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end -}}
{{- end -}}

{{- define "slipway.selectorLabels" -}}
app.kubernetes.io/name: {{ include "slipway.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "slipway.labels" -}}
{{ include "slipway.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "slipway.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ printf "%s@%s" $image.repository $image.digest }}
{{- else -}}
{{ printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) }}
{{- end -}}
{{- end -}}

{{- /* Values that fit each other; what the schema cannot say. */ -}}
{{- define "slipway.check" -}}
{{- if eq .Values.storage.type "embedded" -}}
{{- if gt (int .Values.replicaCount) 1 -}}
{{ fail "replicaCount: the embedded store is for one server; several need storage.type etcd" }}
{{- end -}}
{{- else -}}
{{- if not .Values.storage.etcd.servers -}}
{{ fail "storage.etcd.servers: name the etcd members, such as https://etcd-0.etcd:2379" }}
{{- end -}}
{{- if not .Values.pki.existingSecret -}}
{{ fail "pki.existingSecret: servers on etcd keep nothing; give them the keys of the cluster as a Secret (README.md says how to make them)" }}
{{- end -}}
{{- end -}}
{{- end -}}
