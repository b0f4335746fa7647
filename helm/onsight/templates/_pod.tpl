{{/* What every container of the chart has in common: settings, secrets as files or variables, a locked-down context. */}}
{{- define "onsight.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "onsight.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "onsight.env" -}}
{{- with .Values.kafka -}}
{{- if .existingSecret -}}
- name: ONSIGHT_SASL_USERNAME
  valueFrom:
    secretKeyRef: {name: {{ .existingSecret }}, key: {{ .usernameKey }}}
- name: ONSIGHT_SASL_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ .existingSecret }}, key: {{ .passwordKey }}}
{{- end }}
{{- if and .tls.existingSecret .tls.keyPasswordKey }}
- name: ONSIGHT_TLS_KEY_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ .tls.existingSecret }}, key: {{ .tls.keyPasswordKey }}}
{{- end }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "onsight.mounts" -}}
- name: tmp
  mountPath: /tmp
{{- if .Values.profile.custom }}
- name: profile
  mountPath: /etc/onsight/profile
  readOnly: true
{{- end }}
{{- if .Values.kafka.tls.existingSecret }}
- name: tls
  mountPath: /etc/onsight/tls
  readOnly: true
{{- end }}
{{- if .Values.artifact.existingClaim }}
- name: artifact
  mountPath: /etc/onsight/artifact
  readOnly: true
{{- end }}
{{- if .Values.artifact.trustedKeys }}
- name: keys
  mountPath: /etc/onsight/keys
  readOnly: true
{{- end }}
{{- end -}}

{{- define "onsight.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: {{ .Values.temporaryStorage }}
{{- if .Values.profile.custom }}
- name: profile
  configMap:
    name: {{ include "onsight.fullname" . }}-profile
{{- end }}
{{- with .Values.kafka.tls }}
{{- if .existingSecret }}
- name: tls
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0440
    items:
      {{- range compact (list .caKey .certKey .keyKey) }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
{{- end }}
{{- end }}
{{- with .Values.artifact.existingClaim }}
- name: artifact
  persistentVolumeClaim:
    claimName: {{ . }}
    readOnly: true
{{- end }}
{{- with .Values.artifact.trustedKeys }}
- name: keys
  configMap:
    name: {{ . }}
{{- end }}
{{- end -}}
