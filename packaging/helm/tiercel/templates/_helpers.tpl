{{- define "tiercel.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "tiercel.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "tiercel.selector" -}}
app.kubernetes.io/name: {{ include "tiercel.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tiercel.labels" -}}
{{ include "tiercel.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "tiercel.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default (.Chart.AppVersion | replace "+" "-") }}
{{- end -}}
{{- end -}}

{{- define "tiercel.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "tiercel.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "tiercel.configMap" -}}
{{- .Values.existingConfigMap | default (include "tiercel.fullname" .) -}}
{{- end -}}

{{- define "tiercel.rulesMap" -}}
{{- if .Values.rules.existingConfigMap -}}
{{- .Values.rules.existingConfigMap -}}
{{- else if .Values.rules.custom -}}
{{- include "tiercel.fullname" . }}-rules
{{- end -}}
{{- end -}}

{{/* The module's devices are given to nobody but privileged containers. */}}
{{- define "tiercel.privileged" -}}
{{- if eq .Values.driver.kind "kmod" -}}true{{- end -}}
{{- end -}}

{{/* What an agent may: to use eBPF (BPF, PERFMON; IPC_LOCK for the legacy probe's buffers), to see
what other processes run and have open (SYS_PTRACE, DAC_READ_SEARCH). */}}
{{- define "tiercel.capabilities" -}}
{{- $all := list "BPF" "PERFMON" "SYS_PTRACE" "DAC_READ_SEARCH" -}}
{{- if or (has .Values.driver.kind (list "bpf" "auto")) (has "bpf" .Values.driver.fallback) -}}{{- $all = append $all "IPC_LOCK" -}}{{- end -}}
{{- with .Values.capabilities.replace -}}{{- $all = . -}}{{- end -}}
{{- concat $all .Values.capabilities.extra | uniq | toJson -}}
{{- end -}}

{{/* What ${NAME} in the configuration stands for, for all who read it. */}}
{{- define "tiercel.configEnv" -}}
{{- if .Values.metrics.enabled -}}
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The configuration: what the values say, and over it the value config. */}}
{{- define "tiercel.config" -}}
{{- $rules := list -}}
{{- if .Values.rules.default -}}{{- $rules = append $rules "/usr/share/tiercel/rules" -}}{{- end -}}
{{- $rules = append $rules "/etc/tiercel/rules.d" -}}
{{- $kind := get (dict "modern_bpf" "modern_ebpf" "kmod" "kmod" "bpf" "bpf" "auto" "auto") .Values.driver.kind -}}
{{- $engine := dict "kind" $kind -}}
{{- with .Values.driver.fallback -}}{{- $_ := set $engine "fallback" . -}}{{- end -}}
{{- if has $kind (list "modern_ebpf" "auto") -}}
{{- $_ := set $engine "modern_ebpf" (dict "buf_size_preset" .Values.driver.bufferPreset "cpus_for_each_buffer" .Values.driver.cpusPerBuffer) -}}
{{- end -}}
{{- if eq $kind "kmod" -}}
{{- $_ := set $engine "kmod" (dict "buf_size_preset" .Values.driver.bufferPreset) -}}
{{- end -}}
{{- $web := dict "enabled" true "listen_port" .Values.metrics.port "listen_address" (ternary "${POD_IP}" "127.0.0.1" .Values.metrics.enabled) -}}
{{- $c := dict "rules_files" $rules "engine" $engine "json_output" .Values.outputs.json "stdout_output" (dict "enabled" .Values.outputs.stdout.enabled) "log_stderr" true "log_syslog" false "webserver" $web -}}
{{- $_ := set $c "duplicate_alerts" (dict "window_ms" 10000 "fields" (list "proc.cmdline" "proc.pname" "fd.name" "container.id")) -}}
{{- $_ := set $c "append_output" (list (dict "match" (dict "source" "syscall") "extra_output" "pod=%k8s.pod.name namespace=%k8s.ns.name")) -}}
{{- if .Values.metrics.enabled -}}
{{- $_ := set $web "prometheus_metrics_enabled" true -}}
{{- $_ := set $c "metrics" (dict "enabled" true "interval" "15m") -}}
{{- end -}}
{{- if .Values.outputs.http.url -}}
{{- $http := dict "enabled" true "url" .Values.outputs.http.url "keep_alive" true -}}
{{- if .Values.outputs.http.tokenSecret.name -}}{{- $_ := set $http "bearer_token_file" "/etc/tiercel/http-token/token" -}}{{- end -}}
{{- if .Values.outputs.http.caSecret.name -}}{{- $_ := set $http "ca_cert" "/etc/tiercel/http-ca/ca.crt" -}}{{- end -}}
{{- $_ := set $c "http_output" $http -}}
{{- end -}}
{{- $c = mustMergeOverwrite $c (deepCopy .Values.config) -}}
{{- if not $c.webserver.enabled -}}
{{- fail "config.webserver.enabled is false: the health checks of the pod ask the web server, so it would be killed again and again; leave it on, it listens on loopback" -}}
{{- end -}}
{{- $c | toYaml -}}
{{- end -}}
